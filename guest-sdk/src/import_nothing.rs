//! To import nothing: to do without what the standard library imports for the case of a panic.

/// Lets the component import nothing of WASI that the handler does not ask for, so that an
/// instance is there sooner.
///
/// What a component imports is linked for every request. Rust's standard library imports
/// the streams, the environment and the terminal, so that it can print what a panic says. A
/// handler that only computes needs none of it:
///
/// ```
/// picohttp::import_nothing!();
/// ```
///
/// at the top of its crate takes that away. What is printed is lost then, a panic's message,
/// too; `std::env::var` finds nothing; and files cannot be written. Whoever opens a file, or asks
/// for all variables, imports again what that takes.
#[macro_export]
macro_rules! import_nothing {
    () => {
        /// The C library's own would import WASI.
        #[cfg(target_family = "wasm")]
        const _: () = {
            #[unsafe(no_mangle)]
            extern "C" fn write(descriptor: i32, _: *const u8, length: usize) -> isize {
                let is_printed = (1..=2).contains(&descriptor);
                if is_printed { length as isize } else { -1 }
            }

            #[repr(C)]
            struct Part(*const u8, usize);

            #[unsafe(no_mangle)]
            unsafe extern "C" fn writev(descriptor: i32, parts: *const Part, count: i32) -> isize {
                let count = usize::try_from(count).unwrap_or_default();
                // SAFETY: who calls it has so many parts there.
                let length = (0..count).map(|number| unsafe { (*parts.add(number)).1 }).sum();
                write(descriptor, ::std::ptr::null(), length)
            }

            #[unsafe(no_mangle)]
            extern "C" fn getenv(_: *const u8) -> *mut u8 {
                ::std::ptr::null_mut()
            }
        };
    };
}
