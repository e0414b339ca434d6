"""Where the emulator differs from AWS in a way that our tests would see: one function each, with the reason.

Each stands alone and is applied before the emulator starts. They touch private names of the version that
`requirements.txt` pins; on raising it, try without each of them first.
"""

import asyncio


def loopback_only():
    """The MQTT listener binds every interface, whatever BIND_HOST says: nothing here is to be reached from outside."""
    create = asyncio.base_events.BaseEventLoop.create_server

    async def create_server(self, protocol_factory, host=None, port=None, **options):
        if options.get("sock") is None:
            host = "127.0.0.1"
        return await create(self, protocol_factory, host, port, **options)

    asyncio.base_events.BaseEventLoop.create_server = create_server


def client_certificate():
    """AWS ends the connection of an MQTT client without a certificate; the emulator serves it as root."""
    from ministack.services import iot

    serve = iot._mtls_serve_conn

    async def serve_certified(reader, writer):
        tls = writer.get_extra_info("ssl_object")
        if tls is None or tls.getpeercert(binary_form=True) is None:
            writer.transport.abort()
            return
        await serve(reader, writer)

    iot._mtls_serve_conn = serve_certified


ALL = [loopback_only, client_certificate]
