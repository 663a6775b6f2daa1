//! Enums whose values are words: each the same in every log line, metric and page.

/// A value with a word for it.
pub(crate) trait Word: Copy + 'static {
    /// All values, each at the place of its number.
    const ALL: &'static [Self];

    /// The value's place.
    fn number(self) -> usize;

    /// One stable word for it.
    fn word(self) -> &'static str;
}

/// Declares an enum, and the words for its values: what each is displayed as.
macro_rules! words {
    (
        $(#[$about:meta])*
        pub enum $name:ident {
            $($(#[$what:meta])* $value:ident = $word:literal,)*
        }
    ) => {
        $(#[$about])*
        pub enum $name {
            $($(#[$what])* $value,)*
        }

        impl $crate::words::Word for $name {
            const ALL: &'static [$name] = &[$($name::$value),*];

            fn number(self) -> usize {
                self as usize
            }

            fn word(self) -> &'static str {
                match self {
                    $($name::$value => $word,)*
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str($crate::words::Word::word(*self))
            }
        }
    };
}

pub(crate) use words;
