"""OpenAI's own package as referee: asks a stand-in for a transcription as a customer would. Prints one JSON object."""

import io
import json
import struct
import sys
import wave

import openai

URL, KEY = sys.argv[1], sys.argv[2]
LEXICON = "hello yes a table for two at seven thirty tonight please thank you goodbye".split()


def wav(text):
    samples = []
    for word in text.split():
        samples += [int(500 * 1.25 ** LEXICON.index(word))] * 3200 + [0] * 1600
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    out.name = "utterance.wav"
    out.seek(0)
    return out


def ask(key=KEY, model="gpt-4o-mini-transcribe", text="hello a table for two"):
    client = openai.OpenAI(api_key=key, base_url=URL, max_retries=0)
    return client.audio.transcriptions.create(file=wav(text), model=model, language="en", prompt="Nopa")


def refusal(**options):
    try:
        ask(**options)
    except openai.APIStatusError as error:
        assert error.body["message"], error
        return type(error).__name__
    return None


print(
    json.dumps(
        {
            "text": ask().text,
            "wrong_key": refusal(key="expired"),
            "wrong_model": refusal(model="whisper-99"),
            "busy": refusal(text="goodbye goodbye goodbye"),
        }
    )
)
