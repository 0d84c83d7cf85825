"""Call a closed service, as whoever GOOGLE_APPLICATION_CREDENTIALS or a metadata server says."""

import sys

from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2.id_token import fetch_id_token_credentials

address = sys.argv[1]
session = AuthorizedSession(fetch_id_token_credentials(address, Request()))
answer = session.get(address)
print(answer.status_code, answer.json()["caller"])
