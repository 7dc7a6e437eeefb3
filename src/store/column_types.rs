//! Lets columns be read straight into the domain's own types.

use sqlx::any::{Any, AnyTypeInfo, AnyValueRef};
use sqlx::error::BoxDynError;
use sqlx::{Decode, Type};

use crate::domain::id::{FeedbackId, SurveyId};
use crate::domain::time::Millis;

macro_rules! column {
    ($type:ty, $stored:ty, $of:expr) => {
        impl Type<Any> for $type {
            fn type_info() -> AnyTypeInfo {
                <$stored as Type<Any>>::type_info()
            }

            fn compatible(found: &AnyTypeInfo) -> bool {
                <$stored as Type<Any>>::compatible(found)
            }
        }

        impl<'r> Decode<'r, Any> for $type {
            fn decode(value: AnyValueRef<'r>) -> Result<Self, BoxDynError> {
                <$stored as Decode<'r, Any>>::decode(value).map($of)
            }
        }
    };
}

column!(Millis, i64, Millis);
column!(SurveyId, String, SurveyId::new);
column!(FeedbackId, String, FeedbackId::new);
