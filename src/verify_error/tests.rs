use std::io;

use super::*;

#[derive(Debug)]
struct Wrapper(BoxError);

impl fmt::Display for Wrapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wrapped")
    }
}

impl Error for Wrapper {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

#[test]
fn a_refusal_is_found_inside_wrappers() {
    let refusal: BoxError = VerifyError::invalid(InvalidReason::Expired).into();
    let wrapped: BoxError = Wrapper(Wrapper(refusal).into()).into();
    let error = VerifyError::from(wrapped);
    assert!(matches!(
        error.kind(),
        VerifyErrorKind::Invalid(InvalidReason::Expired)
    ));
}

#[test]
fn a_refusal_is_found_inside_an_io_error() {
    let refusal = VerifyError::invalid(InvalidReason::Expired);
    let error = VerifyError::from(BoxError::from(io::Error::other(refusal)));
    assert!(matches!(error.kind(), VerifyErrorKind::Invalid(_)));
}

#[test]
fn every_other_error_is_unavailable_and_keeps_its_source() {
    let error = VerifyError::from(BoxError::from("bad key"));
    assert!(matches!(error.kind(), VerifyErrorKind::Unavailable));
    assert_eq!(error.source().unwrap().to_string(), "bad key");
    assert_eq!(error.retry_after(), None);
    let delay = Duration::from_secs(3);
    assert_eq!(error.with_retry_after(delay).retry_after(), Some(delay));
}

#[test]
fn the_error_stays_small() {
    assert!(size_of::<VerifyError>() <= 3 * size_of::<usize>());
}
