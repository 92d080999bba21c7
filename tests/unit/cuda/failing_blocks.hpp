#pragma once
// Device memory of cuda_on_host that is made to fail: its blocks and its scratch, which are this program's aligned allocations.
namespace cuda_tests {

// The n-th one of this thread from now on fails, n from 0; later ones succeed.
void fail_block(long n);
// None fails any more. Whether one has, since fail_block.
bool has_failed_block();

}  // namespace cuda_tests
