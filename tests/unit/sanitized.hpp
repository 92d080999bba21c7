#pragma once
// Whether the address sanitizer is on. It takes up to twenty times as long and has nothing to find in numbers: a test that another build runs
// too (not test_cuda, which CI runs under the sanitizer alone) leaves comparisons with a slow definition to that one.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif
