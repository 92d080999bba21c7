// The CUDA backend's context and executor on a device, against the CPU backend. Without a device it says so, once
// making a context has failed with the sentence that it should; to compile and to link, with all warnings as errors, is half of this test.
#include "frcnn/backend/cpu/executor.hpp"
#include "frcnn/backend/cuda/executor.cuh"
#include "frcnn/core/buffer.hpp"
#include "frcnn/core/scratch.hpp"
#include "frcnn/core/staging.hpp"
#include "frcnn/geometry/conventions.hpp"
#include "frcnn/ops/nms.hpp"
#include "frcnn/ops/sum_terms.hpp"

#include "../ops/numbers.hpp"

#include <cstdio>
#include <numeric>
#include <vector>

using namespace frcnn;
using ops_described::stream;

namespace {

int failures = 0;
void check(bool ok, char const* what) {
  if (!ok) ++failures;
  std::printf("%-60s %s\n", what, ok ? "ok" : "WRONG");
}

struct twice {
  int* x;
  FRCNN_HD void operator()(std::size_t i) const { x[i] *= 2; }
};
struct item {
  float const* x;
  int k;
  FRCNN_HD double operator()(int s, int i) const { return x[s * k + i] < 0 ? 0 : static_cast<double>(x[s * k + i]); }
};

template <class B, class T>
buffer<T, B> on_device(typename B::context& c, std::vector<T> const& v) {
  buffer<T, B> b(c, std::max<std::size_t>(1, v.size()));
  from_host(c, v, view<T, 1, B>{b.data(), {{static_cast<std::int32_t>(v.size())}}});
  return b;
}
template <class T>
std::vector<double> in_double(std::vector<T> const& v) {
  return {v.begin(), v.end()};
}

// What each word gives, one behind another.
template <class B>
std::vector<std::vector<double>> words() {
  typename B::context c;
  std::vector<std::vector<double>> all;
  auto const out = [&]<class T, int R>(view<T, R, B> v) { all.push_back(in_double(to_host(c, v))); };
  stream s(1);
  int const k = 17100, m = 6000;
  std::vector<float> keys(2 * k);
  for (auto& v : keys) v = s.below(9) == 0 ? dead_key<float> : static_cast<float>(s.below(4000)) / 64;
  auto const key = on_device<B>(c, keys);
  buffer<std::int32_t, B> order(c, 2 * m), live(c, 2);
  view<std::int32_t, 2, B> const order_view{order.data(), {{2, m}}};
  view<std::int32_t, 1, B> const live_view{live.data(), {{2}}};
  exec<B>::segmented_sort(c, view<float const, 2, B>{key.data(), {{2, k}}}, order_view, live_view);
  out(order_view), out(live_view);
  exec<B>::segmented_sort(c, view<float const, 2, B>{key.data(), {{2 * k / 300, 300}}}, view<std::int32_t, 2, B>{order.data(), {{114, 50}}},
                          view<std::int32_t, 1, B>{buffer<std::int32_t, B>(c, 114).data(), {{114}}});
  out(view<std::int32_t, 2, B>{order.data(), {{114, 50}}});

  std::vector<std::int32_t> numbers(k);
  for (auto& v : numbers) v = s.below(3);
  auto const number = on_device<B>(c, numbers);
  exec<B>::select(c, view<std::int32_t, 2, B>{number.data(), {{2, k / 2}}}, view<std::int32_t, 2, B>{order.data(), {{2, 4000}}}, live_view);
  out(view<std::int32_t, 2, B>{order.data(), {{2, 4000}}}), out(live_view);
  view<std::int32_t, 2, B> const in_place{number.data(), {{1, k}}};
  exec<B>::scan(c, in_place, in_place);
  exec<B>::for_each(c, static_cast<std::size_t>(k), twice{number.data()});
  out(in_place);

  buffer<double, B> sum(c, 2);
  exec<B>::segmented_reduce(c, 2, k, .5, item{key.data(), k}, ops::plus<double>{}, view<double, 1, B>{sum.data(), {{2}}});
  out(view<double, 1, B>{sum.data(), {{2}}});

  auto const boxes = on_device<B>(c, ops_described::crowded_boxes(6000, 600, 800, 300));
  auto const count = on_device<B>(c, std::vector<std::int32_t>{6000});
  counted<std::int32_t, 2, B> const survivors{{order.data(), {{1, 300}}}, {live.data(), {{1}}}};
  exec<B>::nms_sweep(c, counted<box<float>, 2, B>{{boxes.data(), {{1, 6000}}}, {count.data(), {{1}}}},
                     ops::suppress_above<conventions::torchvision, float>{.7f}, survivors);
  out(survivors.rows), out(survivors.count);
  return all;
}

void maps_come_back() {
  cuda::context c;
  shape<4> const s{{2, 35, 3, 23}};
  std::vector<float> plain(s.size());
  std::iota(plain.begin(), plain.end(), 0.f);
  auto const given = on_device<cuda>(c, plain);
  buffer<float, cuda> back(c, s.size());
  cuda::context::frame const scope(c);
  auto const a = c.make<float>(s);
  c.from_plain(view<float const, 4, cuda>{given.data(), s}, a);
  c.to_plain(a, view<float, 4, cuda>{back.data(), s});
  check(to_host(c, view<float, 4, cuda>{back.data(), s}) == plain, "maps to [N, H, W, C] and back");
}

void scratch_stays() {
  cuda::context c;
  void *first = nullptr, *large = nullptr;
  for (int round = 0; round < 2; ++round) {
    cuda::context::frame const scope(c);
    void* const p = c.scratch(100);
    void* const q = c.scratch(std::size_t{100} << 20);
    c.call({"cudaMemsetAsync"}, cudaMemsetAsync, q, 0, std::size_t{100} << 20, c.stream());
    if (round > 0) check(p == first && q == large, "a frame's addresses are those of the frame before");
    first = p, large = q;
  }
  c.wait();
}

// Two replays of one graph, and what may not be captured.
void capture() {
  cuda::context c;
  auto const x = on_device<cuda>(c, std::vector<int>{1, 2, 3});
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t ready = nullptr;
  bool is_refused = false;
  {
    detail::capture_scope const captured(c);
    c.call({"cudaStreamBeginCapture"}, cudaStreamBeginCapture, c.stream(), cudaStreamCaptureModeThreadLocal);
    exec<cuda>::for_each(c, 3, twice{x.data()});
    try {
      c.wait();
    } catch (error const&) {
      is_refused = true;
    }
    c.call({"cudaStreamEndCapture"}, cudaStreamEndCapture, c.stream(), &graph);
  }
  c.call(
      {"cudaGraphInstantiate"}, [](cudaGraphExec_t* e, cudaGraph_t g) { return cudaGraphInstantiate(e, g, 0); }, &ready, graph);
  for (int i = 0; i < 2; ++i) c.call({"cudaGraphLaunch"}, cudaGraphLaunch, ready, c.stream());
  check(to_host(c, view<int, 1, cuda>{x.data(), {{3}}}) == std::vector<int>{4, 8, 12}, "a captured kernel, replayed twice");
  check(is_refused, "a wait while a graph is captured is refused");
  cudaGraphExecDestroy(ready);
  cudaGraphDestroy(graph);
}

void pinned_memory_returns() {
  cuda::context c;
  void* first = nullptr;
  {
    auto const block = c.allocate_host(1000);
    first = block.data();
  }
  c.wait();
  check(c.allocate_host(900).data() == first, "pinned memory that was given up is handed out again");
  readback<int, cuda> down;
  auto const x = on_device<cuda>(c, std::vector<int>{7});
  down.start(c, x.data(), 1);
  check(down.get()[0] == 7, "a late copy to the host");
}

}  // namespace

int main() {
  try {
    cuda::context const c;
  } catch (error const& e) {
    if (e.where() != "cuda context" || e.expected() != "a CUDA device") {
      std::printf("%s\n", e.what());
      return 1;
    }
    std::printf("skipped: there is no CUDA device (%s)\n", e.found().c_str());
    return 0;
  }
  auto const host = words<cpu>(), device = words<cuda>();
  char const* const names[] = {"segmented_sort, 17100 keys",
                               "its counts",
                               "segmented_sort, 114 segments",
                               "select",
                               "its counts",
                               "scan and for_each",
                               "segmented_reduce",
                               "nms_sweep",
                               "its count"};
  for (std::size_t i = 0; i < host.size(); ++i) check(host[i] == device[i], names[i]);
  maps_come_back();
  scratch_stays();
  capture();
  pinned_memory_returns();
  return failures ? 1 : 0;
}
