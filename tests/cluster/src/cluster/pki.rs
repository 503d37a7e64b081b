//! The certificates of a cluster, which are made for it and removed with it.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use rcgen::ExtendedKeyUsagePurpose as Usage;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// A certificate and its key, as PEM.
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

/// The authority that everybody in the cluster trusts.
pub struct Authority {
    /// Its own certificate, as PEM.
    pub certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name = subject("wasser-cluster-ca", None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
        ];
        let key = KeyPair::generate().context("generating a key")?;
        let certificate = params
            .self_signed(&key)
            .context("signing the authority's certificate")?
            .pem();
        Ok(Self {
            certificate,
            issuer: Issuer::new(params, key),
        })
    }

    /// Issues the certificate of a client: `name` is the user, `group` its group.
    pub fn client(&self, name: &str, group: Option<&str>) -> Result<Pair> {
        self.issue(CertificateParams::default(), name, group, &[Usage::ClientAuth])
    }

    /// Issues the certificate of a server that is reached under these names and addresses.
    pub fn server(&self, name: &str, names: &[&str], addresses: &[IpAddr]) -> Result<Pair> {
        let all: Vec<String> = names
            .iter()
            .map(|name| (*name).to_owned())
            .chain(addresses.iter().map(IpAddr::to_string))
            .collect();
        let params = CertificateParams::new(all).context("a name of a server")?;
        self.issue(params, name, None, &[Usage::ServerAuth])
    }

    fn issue(&self, mut params: CertificateParams, name: &str, group: Option<&str>, usages: &[Usage]) -> Result<Pair> {
        params.distinguished_name = subject(name, group);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages.to_vec();
        let key = KeyPair::generate().context("generating a key")?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .with_context(|| format!("signing the certificate of {name}"))?
            .pem();
        Ok(Pair {
            certificate,
            key: key.serialize_pem(),
        })
    }
}

/// Generates the keys that check and sign the tokens of service accounts: public key and private
/// key.
pub fn token_keys() -> Result<(String, String)> {
    let key = KeyPair::generate().context("generating a key")?;
    Ok((key.public_key_pem(), key.serialize_pem()))
}

/// Writes `<name>.crt` and `<name>.key`.
pub fn write(directory: &Path, name: &str, pair: &Pair) -> Result<()> {
    write_file(&directory.join(format!("{name}.crt")), &pair.certificate)?;
    write_file(&directory.join(format!("{name}.key")), &pair.key)
}

pub fn write_file(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    only_for_owner(path)
}

/// Keeps other users from reading a file.
pub fn only_for_owner(path: &Path) -> Result<()> {
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(path, private).with_context(|| format!("protecting {}", path.display()))
}

fn subject(name: &str, group: Option<&str>) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    if let Some(group) = group {
        subject.push(DnType::OrganizationName, group);
    }
    subject.push(DnType::CommonName, name);
    subject
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_pem_and_protected() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new().unwrap();
        let pair = authority
            .server("api", &["localhost"], &["127.0.0.1".parse().unwrap()])
            .unwrap();
        write(directory.path(), "api", &pair).unwrap();
        let path = directory.path().join("api.key");
        assert!(
            fs::read_to_string(&path)
                .unwrap()
                .starts_with("-----BEGIN PRIVATE KEY-----")
        );
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        let (public, private) = token_keys().unwrap();
        assert!(public.starts_with("-----BEGIN PUBLIC KEY-----") && private.contains("PRIVATE"));
    }
}
