//! Gives a plain enum its names.

/// Makes `ALL`, `as_str` and `parse` of an enum from one list of its variants and their names.
macro_rules! named {
    ($family:ident { $($variant:ident = $name:literal,)+ }) => {
        impl $family {
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|one| one.as_str() == name)
            }
        }
    };
}

pub(crate) use named;
