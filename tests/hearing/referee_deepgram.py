"""Deepgram's own package as referee: talks to a stand-in as a customer would. Prints one JSON object.

Every message must be one that the package knows, with everything that its definition requires.
"""

import json
import struct
import sys

from deepgram import DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment
from websockets.exceptions import InvalidStatus

URL, KEY = sys.argv[1], sys.argv[2]
HTTP = URL.replace("ws", "http", 1)
ENVIRONMENT = DeepgramClientEnvironment(base=HTTP, production=URL, agent=URL, agent_rest=HTTP)
LEXICON = "hello yes a table for two at seven thirty tonight please thank you goodbye".split()


def client(key=KEY):
    return DeepgramClient(api_key=key, environment=ENVIRONMENT)


def sound(text, silence_ms=0):
    """As `ear::speak` of the stand-ins, 16 kHz."""
    samples = []
    for word in text.split():
        samples += [int(500 * 1.25 ** LEXICON.index(word))] * 3200 + [0] * 1600
    samples += [0] * (16 * silence_ms)
    return struct.pack(f"<{len(samples)}h", *samples)


def pieces(data, milliseconds=80):
    size = 32 * milliseconds
    return [data[at : at + size] for at in range(0, len(data), size)]


def checked(message):
    """The package builds messages without checking them; here they are checked."""
    return type(message).model_validate(message.model_dump())


def all_of(socket):
    """Everything until the stand-in closes."""
    return [checked(message) for message in socket]


def listen():
    options = dict(
        model="nova-3", encoding="linear16", sample_rate=16000, interim_results=True, utterance_end_ms=1000, vad_events=True
    )
    with client().listen.v1.connect(**options) as socket:
        for piece in pieces(sound("hello a table", 400) + sound("for two")):
            socket.send_media(piece)
        socket.send_keep_alive()
        socket.send_finalize()
        for piece in pieces(sound("", 1500)):
            socket.send_media(piece)
        socket.send_close_stream()
        messages = all_of(socket)
    results = [m for m in messages if type(m).__name__ == "ListenV1Results"]
    return {
        "kinds": sorted({type(m).__name__ for m in messages}),
        "finals": [m.channel.alternatives[0].transcript for m in results if m.is_final],
        "from_finalize": any(m.from_finalize for m in results),
    }


def turns():
    with client().listen.v2.connect(model="flux-general-en", encoding="linear16", sample_rate=16000, eager_eot_threshold=0.5) as socket:
        socket.send_configure({"type": "Configure", "thresholds": {"eot_threshold": 0.8}})
        for piece in pieces(sound("a table", 400) + sound("for two", 1000)):
            socket.send_media(piece)
        socket.send_close_stream()
        messages = all_of(socket)
    infos = [m for m in messages if type(m).__name__ == "ListenV2TurnInfo"]
    numbers = [m.sequence_id for m in messages]
    assert numbers == sorted(set(numbers)), numbers
    return {
        "events": [m.event for m in infos],
        "transcript": next(m.transcript for m in infos if m.event == "EndOfTurn"),
        "configured": any(type(m).__name__ == "ListenV2ConfigureSuccess" for m in messages),
    }


def refusal(key=KEY, model="nova-3"):
    try:
        with client(key).listen.v1.connect(model=model, encoding="linear16", sample_rate=16000):
            return None
    except ApiError as error:
        return error.status_code
    except InvalidStatus as error:
        # What the package lets through with newer versions of its WebSocket library.
        return error.response.status_code


print(
    json.dumps(
        {
            "listen": listen(),
            "turns": turns(),
            "wrong_key": refusal(key="expired"),
            "wrong_model": refusal(model="whisper-1"),
        }
    )
)
