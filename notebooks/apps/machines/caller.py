#!/usr/bin/env python3
"""Calls a service every second, and prints the status: without a token, then with one."""

import time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

METADATA = "http://metadata.google.internal/computeMetadata/v1/instance"


def metadata(path):
    asked = Request(f"{METADATA}/{path}", headers={"Metadata-Flavor": "Google"})
    return urlopen(asked).read().decode()


def status(headers):
    try:
        return urlopen(Request(address, headers=headers)).status
    except HTTPError as error:
        return error.code


address = metadata("attributes/address")
while True:
    token = metadata(f"service-accounts/default/identity?audience={address}")
    without, with_token = status({}), status({"Authorization": f"Bearer {token}"})
    print(f"Without a token: {without}. With a token: {with_token}.", flush=True)
    time.sleep(1)
