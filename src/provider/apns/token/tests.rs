//! Provider tokens as Apple describes them.

use super::*;
use crate::domain::ids::CredentialId;
use ring::signature::{ECDSA_P256_SHA256_FIXED, KeyPair as _, UnparsedPublicKey};

struct Key {
    p8: String,
    public: Vec<u8>,
}

fn key() -> Key {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let p8 = key.serialize_pem();
    let read = read_key(&SecretString::from(p8.as_str())).unwrap();
    Key { p8, public: read.public_key().as_ref().to_vec() }
}

fn credential(key: &Key) -> Credential {
    Credential {
        id: CredentialId::generate(),
        key_id: "ABC123DEFG".into(),
        team_id: "DEF123GHIJ".into(),
        key_p8: SecretString::from(key.p8.as_str()),
    }
}

const NOW: Time = Time(1_790_000_000_000);

fn claims(header: &HeaderValue, key: &Key) -> (serde_json::Value, serde_json::Value) {
    let token = header.to_str().unwrap().strip_prefix("bearer ").unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert_eq!(signature.len(), 64, "JOSE wants R and S, not ASN.1");
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key.public);
    public.verify(signed.as_bytes(), &signature).unwrap();
    let json = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    (json(header), json(claims))
}

#[test]
fn a_token_is_signed_as_apple_wants_it() {
    let key = key();
    let token = Signer::read(&credential(&key)).unwrap().sign(NOW).unwrap();
    let token = ProviderToken::new(&token, NOW).unwrap();
    let header = token.header();
    assert!(header.is_sensitive());
    assert!(!header.to_str().unwrap().contains(['=', '+', '/']));
    let (head, claims) = claims(&header, &key);
    assert_eq!(head, serde_json::json!({ "alg": "ES256", "kid": "ABC123DEFG" }));
    assert_eq!(claims, serde_json::json!({ "iss": "DEF123GHIJ", "iat": 1_790_000_000 }));
    assert_eq!((token.minted_at(), token.is_refused()), (NOW, false));
}

#[test]
fn another_key_under_the_same_ids_is_another_signer_and_other_line_breaks_are_not() {
    let (key, wrong) = (key(), key());
    let id = signer_id(&credential(&key));
    assert_eq!(id, signer_id(&credential(&key)));
    assert_ne!(id, signer_id(&credential(&wrong)));
    let windows = Key { p8: format!("\r\n{}\r\n", key.p8.replace('\n', "\r\n")), ..key };
    assert_eq!(id, signer_id(&credential(&windows)));
}

#[test]
fn neither_key_nor_token_is_printed() {
    let key = key();
    let credential = credential(&key);
    let signer = Signer::read(&credential).unwrap();
    let jwt = signer.sign(NOW).unwrap();
    let token = ProviderToken::new(&jwt, NOW).unwrap();
    let signature = jwt.expose_secret().rsplit_once('.').unwrap().1.to_owned();
    let printed = format!("{signer:?} {credential:?} {jwt:?} {token:?}");
    let secret = key.p8.lines().nth(1).unwrap();
    assert!(!printed.contains(&signature) && !printed.contains(secret), "{printed}");
}

#[test]
fn only_a_p256_key_in_pkcs8_is_taken() {
    assert_eq!(validate_key(&key().p8), Ok(()));
    assert_eq!(validate_key(&format!("\r\n{}\n", key().p8.replace('\n', "\r\n"))), Ok(()));
    let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    assert!(validate_key(&other.serialize_pem()).unwrap_err().contains("P-256"));
    for text in ["", "secret", "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----"]
    {
        assert!(validate_key(text).unwrap_err().contains(".p8"), "{text}");
    }
}
