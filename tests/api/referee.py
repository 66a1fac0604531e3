"""Stripe's own library as referee. One JSON question a line in, one answer out."""

import json
import sys

import stripe


def verdict(question):
    try:
        event = stripe.Webhook.construct_event(
            question["body"], question["header"], question["secret"], tolerance=question["tolerance"]
        )
        return event["type"]
    except stripe.SignatureVerificationError:
        return "refused"


def create(question):
    """Makes a Checkout Session at the given address; returns what the library understood of the answer."""
    client = stripe.StripeClient(
        question["key"], base_addresses={"api": question["base"]}, max_network_retries=0
    )
    options = {"idempotency_key": question["once"]}
    session = client.v1.checkout.sessions.create(question["params"], options)
    again = client.v1.checkout.sessions.retrieve(session.id)
    return [session.id, session.url, again.status, session.metadata["credits"]]


def answer(question):
    kind = question["kind"]
    if kind == "version":
        return stripe.api_version
    if kind == "sign":
        return stripe.WebhookSignature.generate_signature_header(
            question["body"], question["secret"], question["time"]
        )
    if kind == "verify":
        return verdict(question)
    if kind == "create":
        return create(question)
    raise ValueError(kind)


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
