//! What the API server's refusals mean.

/// Returns whether the API server knows no such object.
pub fn is_not_found(error: &kube::Error) -> bool {
    has_code(error, 404)
}

/// Returns whether the object exists already, has changed in the meantime, or somebody else owns a
/// field.
pub fn is_conflict(error: &kube::Error) -> bool {
    has_code(error, 409)
}

/// Returns whether the API server did not answer, or could not. It is the same for all objects, and
/// passes.
pub fn is_outage(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.code >= 500 || status.code == 429,
        _ => true,
    }
}

/// Returns whether the object has another UID than the request names. The API server has no code for
/// it, only words; every other conflict says nothing about which object is there.
fn is_another(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409 && status.message.contains("UID in precondition"))
}

fn has_code(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

/// For requests that have nothing to do once their object is gone.
pub trait OrGone<T> {
    /// Returns `None` if the object does not exist.
    ///
    /// # Errors
    /// Every other refusal.
    fn or_gone(self) -> kube::Result<Option<T>>;

    /// Returns `None` if the object does not exist, or is no longer the one that the request names:
    /// deletions with a UID end there.
    ///
    /// # Errors
    /// Every other refusal.
    fn or_another(self) -> kube::Result<Option<T>>;
}

impl<T> OrGone<T> for kube::Result<T> {
    fn or_gone(self) -> kube::Result<Option<T>> {
        match self {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn or_another(self) -> kube::Result<Option<T>> {
        match self {
            Err(error) if is_another(&error) => Ok(None),
            other => other.or_gone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::gone(404, "no", true, true)]
    #[case::another(
        409,
        "Precondition failed: UID in precondition: a, UID in object meta: b",
        false,
        true
    )]
    #[case::another_conflict(409, "the object has been modified", false, false)]
    #[case::forbidden(403, "no", false, false)]
    #[case::an_outage(500, "no", false, false)]
    fn only_what_is_gone_is_no_failure(
        #[case] code: u16,
        #[case] message: &str,
        #[case] gone: bool,
        #[case] another: bool,
    ) {
        let refused =
            || -> kube::Result<()> { Err(kube::Error::Api(Status::failure(message, "No").with_code(code).boxed())) };
        assert_eq!(matches!(refused().or_gone(), Ok(None)), gone);
        assert_eq!(matches!(refused().or_another(), Ok(None)), another);
        assert!(matches!(Ok(7).or_gone(), Ok(Some(7))));
    }
}
