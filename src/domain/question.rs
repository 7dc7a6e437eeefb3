//! The questions on X's card by their variant. X allows no other texts there.
//!
//! The csat questions are on X's page (`feedback/create` under `question_variant_id`). That page
//! lists six of them under nps as well, by mistake. The nps questions are in X's test bench for
//! Direct Messages.

use super::survey_type::SurveyType;

/// The placeholder for the account's name in a text.
const NAME: &str = "<display_name>";

const CSAT: [&str; 38] = [
    "What is your overall satisfaction with <display_name>?",
    "How satisfied are you with <display_name>?",
    "Overall, how satisfied were you with your recent <display_name> experience?",
    "How would you rate the overall experience with <display_name>?",
    "How would you rate your overall experience with <display_name>?",
    "How would you rate your experience so far with <display_name>?",
    "How would you rate your experience on Twitter with <display_name>?",
    "Were you satisfied with your recent experience with <display_name>?",
    "How well does <display_name> meet your expectations?",
    "How would you rate your guest experience with <display_name>?",
    "How would you rate your service experience with <display_name>?",
    "How would you rate your recent service experience with <display_name>?",
    "How would you rate the service you received from <display_name>?",
    "Were you satisfied with the result of your interaction with <display_name>?",
    "How would you rate the ability to resolve your issue with <display_name>?",
    "How would you rate the response time from <display_name>?",
    "How would you rate the speed of service from <display_name>?",
    "How would you rate the time to resolution with <display_name>?",
    "How would you rate the time to resolve your issue with <display_name>?",
    "How would you rate the speed of resolution with <display_name>?",
    "How would you rate the <display_name> advisor's expertise?",
    "How satisfied were you with the <display_name> agent who helped you?",
    "How satisfied were you with the <display_name> specialist who helped you?",
    "How satisfied were you with the <display_name> representative who helped you?",
    "How would you rate your recent banking experience with <display_name>?",
    "How would you rate the overall event experience at <display_name>?",
    "How would you rate your bill pay experience with <display_name>?",
    "How would you rate your purchase experience with <display_name>?",
    "How would you rate your shopping experience with <display_name>?",
    "How would you rate your delivery experience with <display_name>?",
    "How would you rate your rental experience with <display_name>?",
    "How would you rate your recent <display_name> store visit?",
    "How would you rate your recent <display_name> hotel stay?",
    "How would you rate your recent flight with <display_name>?",
    "How would you rate your recent ride with <display_name>?",
    "How would you rate your recent trip with <display_name>?",
    "How would you rate your recent visit to <display_name>?",
    "How would you rate your recent meal at <display_name>?",
];

const NPS: [&str; 10] = [
    "How likely are you to recommend <display_name> to a friend?",
    "How likely is it that you would recommend <display_name> to a friend?",
    "How likely is it that you would recommend <display_name> to a colleague?",
    "How likely is it that you would recommend <display_name> to a family member?",
    "How likely is it that you would recommend <display_name> to someone else?",
    "How likely is it that you would recommend <display_name> to a friend or colleague?",
    "How likely is it that you would shop at <display_name> in the future?",
    "How likely is it that you would recommend <display_name>?",
    "Would you recommend <display_name> to a friend or colleague?",
    "How likely are you to recommend your experience with <display_name> to a friend?",
];

/// The texts of a type in the order of their variants.
pub fn texts(kind: SurveyType) -> &'static [&'static str] {
    match kind {
        SurveyType::Csat => &CSAT,
        SurveyType::Nps => &NPS,
    }
}

/// The question with the account's name in it. `None` if there is no such variant.
pub fn text(kind: SurveyType, variant: u32, display_name: &str) -> Option<String> {
    let text = texts(kind).get(usize::try_from(variant).ok()?)?;
    Some(text.replace(NAME, display_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variant_has_a_text_that_names_the_account_once() {
        for kind in SurveyType::ALL {
            for variant in kind.variants() {
                let text = texts(kind)[variant as usize];
                assert_eq!(text.matches(NAME).count(), 1, "{text}");
                assert!(text.ends_with('?'), "{text}");
            }
            assert_eq!(texts(kind).len(), kind.variants().count());
            assert_eq!(text(kind, kind.variants().end() + 1, "Acme"), None);
        }
        let asked = text(SurveyType::Csat, 1, "Acme");
        assert_eq!(asked.as_deref(), Some("How satisfied are you with Acme?"));
    }
}
