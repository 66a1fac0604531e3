"""The carrier's own library as referee: signs, checks and writes TwiML. One JSON question a line in, one answer out."""

import json
import sys

from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import Connect, VoiceResponse


class Form:
    """Fields that may be repeated, as web frameworks hand them over."""

    def __init__(self, pairs):
        self.pairs = pairs

    def __iter__(self):
        return iter(name for name, _ in self.pairs)

    def __len__(self):
        return len(self.pairs)

    def getlist(self, name):
        return [value for known, value in self.pairs if known == name]


def answer(question):
    kind = question["kind"]
    if kind == "sign":
        return RequestValidator(question["token"]).compute_signature(question["url"], Form(question["form"]))
    if kind == "check":
        params = question["body"] if "body" in question else Form(question["form"])
        return RequestValidator(question["token"]).validate(question["url"], params, question["signature"])
    if kind == "twiml":
        response = VoiceResponse()
        connect = Connect()
        stream = connect.stream(
            url=question["url"], status_callback=question["callback"], status_callback_method="POST"
        )
        for name, value in question["parameters"]:
            stream.parameter(name=name, value=value)
        response.append(connect)
        return str(response)
    raise ValueError(kind)


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
