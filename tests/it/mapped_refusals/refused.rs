//! What a mapping learns of a refusal.

use std::time::Duration;

use tower::ServiceExt;
use tower_bearer_auth::Refused;

use super::components::all;
use super::request;
use crate::support::read;

#[tokio::test]
async fn refused_says_what_the_default_answer_says() {
    for case in all(None) {
        let sent = request(case.method, case.headers, case.body);
        let response = case.service.oneshot(sent).await.unwrap();
        let refused = response.extensions().get::<Refused>().unwrap().clone();
        let answer = read(response).await;
        assert_eq!(refused.status(), case.status);
        assert_eq!(refused.component(), case.component);
        let challenges = answer.headers.get_all("www-authenticate");
        assert!(refused.challenges().eq(challenges));
        let body = answer.json();
        match body.get("jsonrpc") {
            Some(_) => {
                assert_eq!(body["error"]["message"], refused.description());
                assert_eq!(refused.error(), None);
            }
            None => {
                assert_eq!(body["error_description"], refused.description());
                let error = body.get("error").map(|error| error.as_str().unwrap());
                assert_eq!(refused.error(), error);
            }
        }
        let delay = (case.status == 503).then_some(Duration::from_secs(5));
        assert_eq!(refused.retry_after(), delay);
        assert_eq!(answer.header("retry-after"), delay.map(|_| "5"));
    }
}
