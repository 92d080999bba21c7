#pragma once
// FRCNN_TEST_SANITIZED: the address or the thread sanitizer is on, which keeps memory and has functions of its own for allocation.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FRCNN_TEST_SANITIZED 1
#elif defined(__has_feature)  // clang's
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FRCNN_TEST_SANITIZED 1
#endif
#endif
