//! SHA-256 and HMAC for verifying signatures. The only file that uses `hmac`, `sha2` and `hex`.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The signing key that SigV4 derives from a secret for one day, Region and service.
#[derive(Clone)]
pub(super) struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    /// Derives the key from `AWS4` + secret, day, Region, service and terminator; each step signs with the previous
    /// key.
    pub(super) fn derive(secret: &str, date: &str, region: &str, service: &str) -> Self {
        let mut key = keyed(format!("AWS4{secret}").as_bytes());
        for part in [date, region, service, "aws4_request"] {
            key.update(part.as_bytes());
            key = keyed(&key.finalize().into_bytes());
        }
        Self(key)
    }

    /// Whether this is the signature of this text, compared in constant time.
    pub(super) fn verifies(&self, text: &str, signature: &str) -> bool {
        let mut bytes = [0; 32];
        if hex::decode_to_slice(signature, &mut bytes).is_err() {
            return false;
        }
        let mut mac = self.0.clone();
        mac.update(text.as_bytes());
        mac.verify_slice(&bytes).is_ok()
    }

    /// The signature of a text, for tests that act as the client.
    #[cfg(test)]
    pub(super) fn sign(&self, text: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(text.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }
}

/// The SHA-256 of these bytes in lower-case hexadecimal.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    let mut digits = vec![0; 64];
    hex::encode_to_slice(Sha256::digest(bytes), &mut digits).expect("two digits for each of 32 bytes");
    String::from_utf8(digits).expect("digits are ASCII")
}

/// Whether two secrets are equal, compared in constant time.
pub(super) fn same_secret(left: &str, right: &str) -> bool {
    let mut mac = keyed(b"comparison");
    mac.update(left.as_bytes());
    let wanted = mac.finalize().into_bytes();
    let mut mac = keyed(b"comparison");
    mac.update(right.as_bytes());
    mac.verify_slice(&wanted).is_ok()
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_derived_key_signs_as_in_the_published_example() {
        // "Example: deriving a signing key" and the string to sign of the IAM ListUsers example.
        let key = SigningKey::derive(
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            "20150830",
            "us-east-1",
            "iam",
        );
        let text = "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n\
                    f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59";
        let signature = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
        assert_eq!(key.sign(text), signature);
        assert!(key.verifies(text, signature));
        assert!(!key.verifies(text, &signature.replace('5', "6")));
        assert!(!key.verifies(text, "5d67"), "a short signature is no signature");
    }

    #[test]
    fn the_hash_of_nothing_is_the_known_one() {
        assert_eq!(
            sha256_hex(b""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
