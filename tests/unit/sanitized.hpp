#pragma once
// Whether the address sanitizer is on. It takes up to twenty times as long and has nothing to find in numbers: there tests leave out
// repetitions that differ in numbers alone (scalars, numbers of threads).
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif
