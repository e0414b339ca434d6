"""Keys of nodes, by a library that shares no code with the cloud."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from .cloud import Credentials


def ecdsa():
    """A new ECDSA key."""
    return ec.generate_private_key(ec.SECP256R1())


def rsa_of(bits=2048):
    """A new RSA key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def load(credentials):
    """The key that a node was given."""
    return serialization.load_pem_private_key(credentials.key.read_bytes(), None)


def csr(key, name):
    """A request in PEM for a certificate of this name, as firmware makes it."""
    builder = x509.CertificateSigningRequestBuilder()
    builder = builder.subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def sign(key, text, salt=32):
    """The signature that a node makes, in small hexadecimal digits."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(text.encode(), ec.ECDSA(hashes.SHA256())).hex()
    return key.sign(text.encode(), padding.PSS(padding.MGF1(hashes.SHA256()), salt), hashes.SHA256()).hex()


def store(folder, node_id, key, certificate):
    """Puts a key and its certificate where a simulated node takes them from."""
    folder.mkdir(parents=True, exist_ok=True)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "node.key").write_bytes(key.private_bytes(*form))
    (folder / "node.crt").write_text(certificate)
    return Credentials(node_id, folder)
