// The context on a device, and whole detectors, by the tests of unit/cuda/composed.cpp, alternating.cpp and pyramid.cpp compiled for
// frcnn::cuda. Without a device they are skipped; that all of it compiles and links with every warning an error is tested all the same.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "../unit/cuda/alternating.cpp"
#include "../unit/cuda/composed.cpp"
#include "../unit/cuda/pyramid.cpp"

#include <cstdio>

namespace {

struct twice {
  int* x;
  FRCNN_HD void operator()(std::size_t i) const { x[i] *= 2; }
};

template <class T>
buffer<T, cuda> on_device(cuda::context& c, std::vector<T> const& v) {
  buffer<T, cuda> b(c, v.size());
  from_host(c, v, view<T, 1, cuda>{b.data(), {{static_cast<std::int32_t>(v.size())}}});
  return b;
}

// A CUDA graph of what f queues.
class recorded_graph {
 public:
  template <class F>
  recorded_graph(cuda::context& c, F f) {
    cudaGraph_t graph = nullptr;
    {
      detail::capture_scope const captured(c);
      c.call({"cudaStreamBeginCapture"}, cudaStreamBeginCapture, c.stream(), cudaStreamCaptureModeThreadLocal);
      f();
      c.call({"cudaStreamEndCapture"}, cudaStreamEndCapture, c.stream(), &graph);
    }
    c.call(
        {"cudaGraphInstantiate"}, [](cudaGraphExec_t* e, cudaGraph_t g) { return cudaGraphInstantiate(e, g, 0); }, &ready_, graph);
    cudaGraphDestroy(graph);
  }
  ~recorded_graph() { cudaGraphExecDestroy(ready_); }
  recorded_graph(recorded_graph const&) = delete;
  recorded_graph& operator=(recorded_graph const&) = delete;

  void replay(cuda::context& c) { c.call({"cudaGraphLaunch"}, cudaGraphLaunch, ready_, c.stream()); }

 private:
  cudaGraphExec_t ready_ = nullptr;
};

}  // namespace

TEST_CASE("cuda: without a device all of this is skipped" * doctest::skip(is_there())) { std::puts("skipped: there is no CUDA device"); }

TEST_CASE("cuda: activations come back as the plain maps that they were" * doctest::skip(!is_there())) {
  cuda::context c;
  shape<4> const s{{2, 35, 3, 23}};
  std::vector<float> plain(s.size());
  std::iota(plain.begin(), plain.end(), 0.f);
  auto const given = on_device(c, plain);
  buffer<float, cuda> back(c, s.size());
  cuda::context::frame const scope(c);
  auto const a = c.make<float>(s);
  c.from_plain(view<float const, 4, cuda>{given.data(), s}, a);
  c.to_plain(a, view<float, 4, cuda>{back.data(), s});
  CHECK(to_host(c, view<float, 4, cuda>{back.data(), s}) == plain);
}

TEST_CASE("cuda: a frame's addresses are those of the frame before" * doctest::skip(!is_there())) {
  cuda::context c;
  void *first = nullptr, *large = nullptr;
  for (int round = 0; round < 2; ++round) {
    cuda::context::frame const scope(c);
    void* const p = c.scratch(100);
    void* const q = c.scratch(std::size_t{100} << 20);
    c.call({"cudaMemsetAsync"}, cudaMemsetAsync, q, 0, std::size_t{100} << 20, c.stream());
    CHECK((round == 0 || (p == first && q == large)));
    first = p, large = q;
  }
  c.wait();
}

TEST_CASE("cuda: a recorded kernel runs at each replay, and a wait cannot be recorded" * doctest::skip(!is_there())) {
  cuda::context c;
  auto const x = on_device(c, std::vector<int>{1, 2, 3});
  exec<cuda>::for_each(c, 3, twice{x.data()});  // a kernel is loaded at its first launch, which is no work to be queued
  recorded_graph graph(c, [&] {
    exec<cuda>::for_each(c, 3, twice{x.data()});
    CHECK_THROWS_AS(c.wait(), error);
  });
  graph.replay(c);
  graph.replay(c);
  CHECK(to_host(c, view<int, 1, cuda>{x.data(), {{3}}}) == std::vector<int>{8, 16, 24});
}

TEST_CASE("cuda: pinned memory that was given up is handed out again" * doctest::skip(!is_there())) {
  cuda::context c;
  void* first = nullptr;
  {
    auto const block = c.allocate_host(1000);
    first = block.data();
  }
  c.wait();
  CHECK(c.allocate_host(900).data() == first);
}

TEST_CASE("cuda: memory that is given up while a graph is captured goes back after it" * doctest::skip(!is_there())) {
  cuda::context c;
  auto block = c.allocate(1000);
  auto pinned = c.allocate_host(1000);
  recorded_graph graph(c, [&] {
    block = cuda::memory();
    pinned = cuda::host_memory();
    CHECK_THROWS_AS(c.allocate_host(1000), error);
  });
  graph.replay(c);
  CHECK(c.allocate(1000).data() != nullptr);
  CHECK(c.allocate_host(1000).data() != nullptr);
  c.wait();
}

// The losses of two replays of one step differ where the step counter has moved: other anchors, regions and masks are drawn.
TEST_CASE("cuda: detect and step as graphs: the same detections, and new samples at each replay" * doctest::skip(!is_there())) {
  auto const model = on_cuda::make(on_cuda::config({"disc", "bar", "ring"}));
  liven(*model);
  cuda::context c({.deterministic = true});
  auto input = input_of<on_cuda>();
  memory_feed(memory_feed::eight_sizes())(0, input);
  auto const images = input.upload(c);
  auto const objects = input.upload_truth(c);
  buffer<scored_box<float>, cuda> hits(c, 20);
  buffer<std::int32_t, cuda> count(c, 2);
  buffer<float, cuda> loss(c, 4);
  auto const state = on_device(c, std::vector<std::uint64_t>{1, 0});
  model->parameters().enable_gradients();
  on_cuda::model::tape tape;
  auto const detect = [&] {
    model->detect(c, images, {.score = .1f, .max_detections = 10}, {{hits.data(), {{2, 10}}}, {count.data(), {{2}}}});
  };
  auto const step = [&] { model->step(c, images, objects, rng<cuda>{{state.data(), {{2}}}}, tape, {loss.data(), {{4}}}); };
  auto const all_hits = [&] { return to_host(c, view<scored_box<float>, 1, cuda>{hits.data(), {{20}}}); };
  auto const losses = [&] { return to_host(c, view<float, 1, cuda>{loss.data(), {{4}}}); };
  detect();
  auto const found = all_hits();
  step();
  auto const first = losses();
  recorded_graph detection(c, detect), training(c, step);
  detection.replay(c);
  CHECK(all_hits() == found);
  training.replay(c);
  CHECK(losses() == first);
  from_host(c, {1, 1}, view<std::uint64_t, 1, cuda>{state.data(), {{2}}});
  training.replay(c);
  CHECK(losses() != first);

  // What graphs take of the device, beside what the policy takes a node for. Others on this device may take some meanwhile.
  auto const left = [&] {
    std::size_t free = 0, all = 0;
    c.wait();
    c.call(
        {"cudaMemGetInfo"}, [](std::size_t* f, std::size_t* total) { return cudaMemGetInfo(f, total); }, &free, &all);
    return static_cast<double>(free);
  };
  detail::cuda_graphs api(c);
  std::vector<detail::cuda_graphs::graph> graphs;
  double counted = 0;
  double const before = left();
  for (int i = 0; i < 16; ++i) {
    api.begin();
    i % 2 ? detect() : step();
    graphs.push_back(api.end());
    api.launch(graphs.back());
    counted += static_cast<double>(api.bytes(graphs.back()));
  }
  double const taken = before - left(), nodes = counted / static_cast<double>(detail::cuda_graphs::bytes_of_node);
  MESSAGE("graphs of detect and step: ", nodes / 8, " nodes of both, ", taken / nodes, " bytes a node");
  WARN(taken <= 2 * counted);
}
