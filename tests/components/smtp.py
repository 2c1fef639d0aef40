"""smtp.py FOLDER: a mail server on a free port, which it prints. Each mail becomes FOLDER/N.eml, and FOLDER/N.who has its
sender and receivers. With TLS_CERT and TLS_KEY it wants STARTTLS and the login `u` with the password `p@ss w"rd`."""
import os
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

folder = sys.argv[1]


class Keep:
    count = 0

    async def handle_DATA(self, server, session, envelope):
        Keep.count += 1
        with open(f"{folder}/{Keep.count}.eml", "wb") as file:
            file.write(envelope.content)
        with open(f"{folder}/{Keep.count}.who", "w") as file:
            print(envelope.mail_from, *envelope.rcpt_tos, file=file)
        return "250 OK"


def login(server, session, envelope, mechanism, data):
    return AuthResult(success=data.login == b"u" and data.password == b'p@ss w"rd', handled=False)


options = {}
if os.environ.get("TLS_CERT"):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(os.environ["TLS_CERT"], os.environ["TLS_KEY"])
    options = dict(tls_context=context, authenticator=login, auth_required=True, require_starttls=True)


class Free(Controller):
    """Tells the port that the system chose; the controller itself would connect to port 0."""

    def _trigger_server(self):
        port = self.server.sockets[0].getsockname()[1]
        print(port, flush=True)


server = Free(Keep(), hostname="127.0.0.1", port=0, **options)
server.start()
while os.getppid() != 1:
    time.sleep(1)
