//! The server's certificate, and the authority that signs it: made here, and renewed before they
//! end.
//!
//! The authority lives long, and its key is kept, so that a new certificate is trusted before
//! anybody hears of it. When the authority itself is renewed, the old one stays trusted until its
//! end.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

use crate::tls;

const DAY: i64 = 24 * 60 * 60;
/// How long an authority holds, and how long before its end there is a new one.
const AUTHORITY: Validity = Validity {
    days: 3650,
    renewed_before: 400,
};
/// The same of the server's certificate.
const SERVER: Validity = Validity {
    days: 365,
    renewed_before: 90,
};

struct Validity {
    days: i64,
    renewed_before: i64,
}

impl Validity {
    fn ends(&self, now: Timestamp) -> i64 {
        now.as_second() + self.days * DAY
    }

    fn is_over(&self, ends: i64, now: Timestamp) -> bool {
        ends - now.as_second() < self.renewed_before * DAY
    }
}

/// A key or a certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("making the certificate of {names}: {reason}")]
pub struct CertificateError {
    names: String,
    reason: rcgen::Error,
}

/// Everything, as PEM, and when it ends in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates {
    /// The authorities to be trusted, the current one first.
    pub authorities: String,
    /// The key of the current one.
    pub authority_key: String,
    /// When it ends.
    pub authority_ends: i64,
    /// The server's certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
    /// When it ends.
    pub ends: i64,
    /// The names that it is for.
    pub names: String,
}

/// What is to replace the certificates that there are; none if they will do.
///
/// # Errors
/// If a name cannot stand in a certificate.
pub fn renewed(
    existing: Option<&Certificates>,
    names: &[String],
    now: Timestamp,
) -> Result<Option<Certificates>, CertificateError> {
    let joined = names.join(",");
    let failed = |reason| CertificateError {
        names: joined.clone(),
        reason,
    };
    let trusted = existing.and_then(|existing| {
        let key = KeyPair::from_pem(&existing.authority_key).ok()?;
        let fits = tls::config(&current(&existing.authorities), &existing.authority_key).is_ok();
        (fits && !AUTHORITY.is_over(existing.authority_ends, now)).then_some((existing, key))
    });
    let good =
        |existing: &Certificates| existing.names == joined && !SERVER.is_over(existing.ends, now) && is_pair(existing);
    if trusted.as_ref().is_some_and(|(existing, _)| good(existing)) {
        return Ok(None);
    }
    let (authorities, key, authority_ends) = match trusted {
        Some((existing, key)) => (existing.authorities.clone(), key, existing.authority_ends),
        None => {
            let key = KeyPair::generate().map_err(failed)?;
            let ends = AUTHORITY.ends(now);
            let own = authority(now, ends).self_signed(&key).map_err(failed)?.pem();
            let before = existing
                .map(|existing| current(&existing.authorities))
                .unwrap_or_default();
            (own + &before, key, ends)
        }
    };
    let authority_key = key.serialize_pem();
    let issuer = Issuer::new(authority(now, authority_ends), key);
    let mut params = CertificateParams::new(names).map_err(failed)?;
    let ends = SERVER.ends(now).min(authority_ends);
    validity(&mut params, now, ends);
    params.distinguished_name.push(DnType::CommonName, "wasser-webhook");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.signed_by(&key, &issuer).map_err(failed)?.pem();
    Ok(Some(Certificates {
        authorities,
        authority_key,
        authority_ends,
        certificate,
        key: key.serialize_pem(),
        ends,
        names: joined,
    }))
}

/// Whether they can be served: the key is that of the certificate.
fn is_pair(existing: &Certificates) -> bool {
    tls::config(&existing.certificate, &existing.key).is_ok()
}

/// The first certificate of several.
fn current(authorities: &str) -> String {
    const END: &str = "-----END CERTIFICATE-----\n";
    let end = authorities.find(END).map(|start| start + END.len());
    end.and_then(|end| authorities.get(..end))
        .unwrap_or_default()
        .to_owned()
}

fn authority(now: Timestamp, ends: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    validity(&mut params, now, ends);
    params
        .distinguished_name
        .push(DnType::CommonName, "wasser-webhook-authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
    params
}

/// From yesterday, for clocks that are behind.
fn validity(params: &mut CertificateParams, now: Timestamp, ends: i64) {
    let day = |seconds: i64| {
        let date = Timestamp::from_second(seconds)
            .unwrap_or(Timestamp::MAX)
            .to_zoned(TimeZone::UTC)
            .date();
        date_time_ymd(
            date.year().into(),
            date.month().unsigned_abs(),
            date.day().unsigned_abs(),
        )
    };
    params.not_before = day(now.as_second() - DAY);
    params.not_after = day(ends);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Tests fail by panicking.

    use jiff::ToSpan;

    use super::*;

    fn names() -> Vec<String> {
        vec!["wasser-webhook.wasser-system.svc".to_owned()]
    }

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn after(days: i64) -> Timestamp {
        now() + (days * 24).hours()
    }

    #[test]
    fn good_certificates_stay_and_others_are_renewed_by_the_same_authority() {
        let first = renewed(None, &names(), now()).unwrap().unwrap();
        assert_eq!(renewed(Some(&first), &names(), after(270)).unwrap(), None);
        let second = renewed(Some(&first), &names(), after(300)).unwrap().unwrap();
        assert_eq!(
            (&second.authorities, &second.authority_key),
            (&first.authorities, &first.authority_key)
        );
        assert_ne!(second.certificate, first.certificate);
        assert!(second.ends > first.ends);
        let renamed = renewed(Some(&first), &["other.svc".to_owned()], now())
            .unwrap()
            .unwrap();
        assert_eq!(
            (renamed.names.as_str(), &renamed.authorities),
            ("other.svc", &first.authorities)
        );
    }

    #[test]
    fn an_authority_is_renewed_in_time_and_the_old_one_stays_trusted() {
        let first = renewed(None, &names(), now()).unwrap().unwrap();
        let later = after(3300);
        let second = renewed(Some(&first), &names(), later).unwrap().unwrap();
        assert_eq!(second.authorities.matches("BEGIN CERTIFICATE").count(), 2);
        assert!(second.authorities.ends_with(&first.authorities));
        assert!(second.ends <= second.authority_ends);
        // Of a third, the first is forgotten.
        let third = renewed(Some(&second), &names(), after(6600)).unwrap().unwrap();
        assert_eq!(third.authorities.matches("BEGIN CERTIFICATE").count(), 2);
        assert!(!third.authorities.contains(&first.authorities));
    }

    #[test]
    fn what_somebody_has_spoilt_is_made_anew() {
        let mut spoilt = renewed(None, &names(), now()).unwrap().unwrap();
        spoilt.key = "no key".to_owned();
        assert!(renewed(Some(&spoilt), &names(), now()).unwrap().is_some());
        spoilt.authority_key = String::new();
        let made = renewed(Some(&spoilt), &names(), now()).unwrap().unwrap();
        assert_ne!(made.authority_key, spoilt.authority_key);
    }

    #[test]
    fn a_key_of_another_certificate_is_not_served() {
        let good = renewed(None, &names(), now()).unwrap().unwrap();
        let other = renewed(None, &names(), now()).unwrap().unwrap();
        let mixed = Certificates {
            key: other.key.clone(),
            ..good.clone()
        };
        let made = renewed(Some(&mixed), &names(), now()).unwrap().unwrap();
        assert_eq!(made.authorities, good.authorities);
        assert_eq!(renewed(Some(&made), &names(), now()).unwrap(), None);
        // What such an authority signs, nobody would trust.
        let mixed = Certificates {
            authority_key: other.authority_key,
            ..good.clone()
        };
        let made = renewed(Some(&mixed), &names(), now()).unwrap().unwrap();
        assert!(!made.authorities.starts_with(&good.authorities));
        assert_eq!(renewed(Some(&made), &names(), now()).unwrap(), None);
    }
}
