"""Speaks one text by a vendor's official package: referee.py openai|elevenlabs URL KEY TEXT. Prints what came of it as JSON."""

import json
import sys

package, url, key, text = sys.argv[1:5]


def by_openai():
    import openai

    client = openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0)
    try:
        listed = [model.id for model in client.models.list()]
        speech = client.audio.speech.with_streaming_response.create(
            model="gpt-4o-mini-tts", voice="marin", input=text, response_format="pcm"
        )
        with speech as response:
            pieces = list(response.iter_bytes())
    except openai.APIStatusError as error:
        after = error.response.headers.get("retry-after")
        return {"error": type(error).__name__, "code": error.code, "retry_after": after}
    except openai.APIConnectionError as error:
        return {"error": type(error).__name__}
    except Exception as error:  # a cut stream surfaces as an error of the package's HTTP library
        return {"error": type(error).__name__}
    return {"bytes": sum(map(len, pieces)), "models": listed}


def by_elevenlabs():
    from elevenlabs.client import ElevenLabs
    from elevenlabs.core.api_error import ApiError

    client = ElevenLabs(base_url=url, api_key=key)
    # The package insists on TLS; a stand-in on this machine has none.
    client.text_to_speech._ws_base_url = url.replace("http", "ws", 1)
    words = [word + " " for word in text.split()]
    try:
        pieces = list(
            client.text_to_speech.convert_realtime(
                "anna", text=iter(words), model_id="eleven_flash_v2_5", output_format="ulaw_8000"
            )
        )
    except ApiError as error:
        return {"error": "ApiError", "code": error.status_code}
    except Exception as error:  # a refused handshake is an error of the package's WebSocket library
        return {"error": type(error).__name__}
    return {"bytes": sum(map(len, pieces))}


print(json.dumps(by_openai() if package == "openai" else by_elevenlabs()))
