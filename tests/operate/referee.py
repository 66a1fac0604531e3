"""The official Standard Webhooks package as the judge of signatures: a JSON object a line in, a word a line out."""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

for line in sys.stdin:
    question = json.loads(line)
    try:
        Webhook(question["secret"]).verify(question["body"], question["headers"])
        print("genuine")
    except WebhookVerificationError:
        print("forged")
