//! Enums whose values have written names, the same in store and answers.

/// Gives an enum its written names. What derives an order does so as listed.
macro_rules! named {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident => $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(
            Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd,
            ::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema,
        )]
        pub(crate) enum $name { $($(#[$doc])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// All of them.
            pub(crate) const ALL: &[$name] = &[$($name::$variant),+];

            /// As written in store and answers.
            pub(crate) fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }

            /// The inverse of `name`.
            pub(crate) fn from_name(name: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|known| known.name() == name)
            }
        }
    };
}

pub(crate) use named;

/// Reads a name from the store. What this program cannot read it must not act upon.
pub(crate) fn known<T>(name: &str, from_name: fn(&str) -> Option<T>) -> sqlx::Result<T> {
    let unknown = || sqlx::Error::Decode(format!("unknown name in the store: {name:?}").into());
    from_name(name).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    named! {
        /// For the test.
        Colour {
            Red => "RED",
            DeepBlue => "deep-blue",
        }
    }

    #[test]
    fn names_are_the_same_in_store_and_answers() {
        for &colour in Colour::ALL {
            assert_eq!(Colour::from_name(colour.name()), Some(colour));
            assert_eq!(serde_json::to_value(colour).unwrap(), colour.name());
        }
        assert_eq!(Colour::from_name("red"), None);
        assert!(known("RED", Colour::from_name).is_ok());
        assert!(known("GREEN", Colour::from_name).is_err());
    }
}
