// Every described operation (tests/ops) on a device, against the portable engine in double: what test_ops does on the host, for frcnn::cuda
// alone. Without a device there is nothing to compare, and to compile and link every op with all warnings as errors is the test.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "../unit/ops/described.cpp"

TEST_CASE("cuda: without a device a context says so") {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0) return;
  std::string said;
  try {
    cuda::context c;
  } catch (error const& e) {
    said = e.what();
  }
  CHECK(said.find("expected a CUDA device, found none") != std::string::npos);
  MESSAGE("skipped: there is no CUDA device");
}
