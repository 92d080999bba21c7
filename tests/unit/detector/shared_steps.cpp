// Steps that several processes share, with threads in their place: they are the steps of one process with the whole batch.
#include "frcnn/train/shared_evaluation.hpp"
#include "shared_process.hpp"
#include "thread_group.hpp"

#include <doctest/doctest.h>

#include <numeric>

using namespace detector_tests;

namespace {

using rules = conventions::torchvision;

template <class T>
struct narrow_process : process<typename parts<T>::model> {
  narrow_process(int batch, int accumulate, std::int64_t steps, data::batch_share share = {})
      : process<typename parts<T>::model>(
            parts<T>::make(narrow_chain::make(), narrow_rpn<rules>(), narrow_head<rules>(.5)),
            {.seed = 3, .rate = {.lr = .001, .warmup = 3, .steps = steps}, .optimiser = {.clip_norm = 10}, .accumulate = accumulate}, batch,
            share) {
    liven(*this->m);
  }
};

template <class T>
void compare(int processes, int batch, int accumulate, double tolerance) {
  CAPTURE(processes);
  CAPTURE(accumulate);
  constexpr std::int64_t steps = 20;
  narrow_process<T> alone(batch, accumulate, steps);
  auto const start = all_values(*alone.m);
  CHECK(alone.t.run(alone.feed));

  thread_group group(processes);
  std::vector<std::unique_ptr<narrow_process<T>>> all;
  for (int r = 0; r < processes; ++r) {
    all.push_back(std::make_unique<narrow_process<T>>(batch, accumulate, steps, data::batch_share{r, processes}));
    all.back()->t.share(group[r]);
  }
  group.run([&](int r) { all[static_cast<std::size_t>(r)]->t.run(all[static_cast<std::size_t>(r)]->feed); });
  CHECK(group.lengths_were_equal());

  auto const expected = all_values(*alone.m);
  CHECK_FALSE(same_bits(start, expected));
  for (auto const& p : all) {
    CHECK(same_bits(all_values(*p->m), all_values(*all[0]->m)));
    CHECK(p->losses == all[0]->losses);
    CHECK(apart(p->losses, alone.losses) < tolerance);
    CHECK(apart(p->norms, alone.norms) < tolerance);
    auto const values = all_values(*p->m);
    for (std::size_t i = 0; i < values.size(); ++i) {
      auto const& name = alone.m->parameters().entries()[i].name;
      CAPTURE(name);
      CHECK(apart(values[i], expected[i]) < tolerance);
    }
  }
  for (int r = 1; r < processes; ++r) CHECK(group.sums(r) == group.sums(0));
}

// What a step sums, in order.
struct recorder {
  using device = cpu;
  std::vector<std::span<double>> sums;
  int rank() const { return 0; }
  int size() const { return 1; }
  void sum(cpu::context&, std::span<double> range) { sums.push_back(range); }
  void sum(cpu::context&, std::span<float>) {}
  void settle(cpu::context&) {}
  template <class T>
  void broadcast(cpu::context&, std::span<T>) {}
  void barrier() {}
  bool is_recordable() const { return false; }
  void check() const {}
};

}  // namespace

TEST_CASE("processes that share each batch are one process with the whole batch") {
  compare<double>(2, 2, 1, 1e-12);
  compare<double>(2, 4, 2, 1e-12);
  compare<double>(4, 4, 1, 1e-12);
  compare<float>(2, 2, 1, 1e-5);
}

TEST_CASE("equal numbers of processes give equal bytes, and a run of two goes on as one") {
  auto const two = [](std::int64_t steps) {
    thread_group group(2);
    std::vector<std::unique_ptr<narrow_process<double>>> all;
    for (int r = 0; r < 2; ++r) {
      all.push_back(std::make_unique<narrow_process<double>>(2, 1, steps, data::batch_share{r, 2}));
      all.back()->t.share(group[r]);
    }
    group.run([&](int r) { all[static_cast<std::size_t>(r)]->t.run(all[static_cast<std::size_t>(r)]->feed); });
    return all;
  };
  auto const first = two(6), second = two(6);
  CHECK(same_bits(all_values(*first[0]->m), all_values(*second[1]->m)));

  // Weights and momentum of two after three steps, in one.
  auto const half = two(3);
  narrow_process<double> whole(2, 1, 6), rest(2, 1, 6);
  whole.t.run(whole.feed);
  for (auto const& e : rest.m->parameters().entries()) {
    rest.m->parameters().set(e, half[1]->m->parameters().get(half[1]->m->parameters().at(e.name)));
    rest.t.optimiser().set_velocity(e, half[1]->t.optimiser().get_velocity(e));
  }
  rest.t.seek(3);
  rest.t.run(rest.feed);
  auto const a = all_values(*rest.m), b = all_values(*whole.m);
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(apart(a[i], b[i]) < 1e-12);
}

TEST_CASE("a step that is not finite in one process is none of any, and all say so") {
  thread_group group(2);
  std::vector<std::unique_ptr<narrow_process<double>>> all;
  std::string said[2];
  for (int r = 0; r < 2; ++r) {
    all.push_back(std::make_unique<narrow_process<double>>(2, 1, 8, data::batch_share{r, 2}));
    all.back()->t.share(group[r]);
  }
  group.run([&](int r) {
    auto& p = *all[static_cast<std::size_t>(r)];
    try {
      p.t.run([&](std::uint64_t micro_batch, auto& input) {
        p.feed(micro_batch, input);
        std::vector<float> const nothing(16 * 16 * 3, std::numeric_limits<float>::quiet_NaN());
        if (r == 1 && micro_batch == 3) input.set_image(0, nothing.data(), resize_plan{16, 16, 1, 1, 1, 1}, 16, 16, 77);
      });
    } catch (error const& e) {
      said[r] = e.what();
    }
  });
  thread_group other(2);
  std::vector<std::unique_ptr<narrow_process<double>>> good;
  for (int r = 0; r < 2; ++r) {
    good.push_back(std::make_unique<narrow_process<double>>(2, 1, 3, data::batch_share{r, 2}));
    good.back()->t.share(other[r]);
  }
  other.run([&](int r) { good[static_cast<std::size_t>(r)]->t.run(good[static_cast<std::size_t>(r)]->feed); });
  for (int r = 0; r < 2; ++r) {
    CHECK(said[r].starts_with("training step 4: expected finite losses and gradients, found"));
    CHECK(all[static_cast<std::size_t>(r)]->t.step() == 3);
    CHECK(same_bits(all_values(*all[static_cast<std::size_t>(r)]->m), all_values(*good[0]->m)));
  }
}

TEST_CASE("gradients are summed bucket by bucket while backward goes on") {
  recorder heard;
  static_assert(Communicator<recorder> && Communicator<null_communicator<cpu>> && Communicator<any_communicator<cpu>>);
  communicator_ref<recorder> others(heard);
  auto const model = parts<double>::make(narrow_chain::make(), narrow_rpn<rules>(), narrow_head<rules>());
  liven(*model);
  auto& store = model->parameters();
  store.enable_gradients();
  cpu::context c(1);
  scene<double> here({{48, 64}, {56, 40}});
  std::remove_reference_t<decltype(*model)>::tape tape;
  std::vector<double> loss(4);
  view<double, 1, cpu> const into{loss.data(), {{4}}};
  shared_gradients<double, cpu> shared(others, {.least_bytes = 4000});

  auto const step = [&](auto how) {
    heard.sums.clear();
    shared.prepare(c, store);
    part_set written;
    {
      shared_gradients<double, cpu>::listening const on(&shared, store);
      written = how();
    }
    shared.finish(c, written);
  };
  step([&] { return model->step(c, here.images(), here.objects(), here.random(), tape, into); });
  auto const& buckets = shared.buckets();
  CHECK(buckets.size() > 4);
  CHECK(shared.begun_early() == buckets.size());
  REQUIRE(heard.sums.size() == buckets.size());
  int parameters = 0;
  for (std::size_t b = 0; b < buckets.size(); ++b) {
    CHECK(heard.sums[b].data() == store.gradients().data() + buckets[b].first);  // in the order of memory, each once
    CHECK(heard.sums[b].size() == buckets[b].count);
    if (b > 0) CHECK(buckets[b].first >= buckets[b - 1].first + buckets[b - 1].count);
    parameters += buckets[b].parameters;
  }
  CHECK(parameters == static_cast<int>(store.entries().size()));

  // Behind backward: the same sums in the same order.
  auto const beside = heard.sums;
  shared_gradients<double, cpu> behind(others, {.least_bytes = 4000, .overlaps = false});
  heard.sums.clear();
  behind.prepare(c, store);
  {
    shared_gradients<double, cpu>::listening const on(&behind, store);
    model->step(c, here.images(), here.objects(), here.random(), tape, into);
    CHECK(heard.sums.empty());
  }
  behind.finish(c, part_set::all());
  CHECK(behind.begun_early() == 0);
  REQUIRE(heard.sums.size() == beside.size());
  for (std::size_t b = 0; b < beside.size(); ++b) CHECK(heard.sums[b].data() == beside[b].data());

  // The RPN alone: the head's sums are there too, of zeros.
  std::ranges::fill(store.gradients(), 7.);
  step([&] { return model->step_rpn(c, here.images(), here.objects(), here.random(), tape, into); });
  CHECK(heard.sums.size() == buckets.size());
  CHECK(shared.begun_early() < buckets.size());
  for (auto const& e : store.entries())
    if (e.name.starts_with("roi_heads")) CHECK(std::all_of(e.p->grad.data, e.p->grad.data + e.p->size(), [](double v) { return v == 0; }));

  // What no longer learns is in no bucket.
  store.freeze("backbone");
  step([&] { return model->step(c, here.images(), here.objects(), here.random(), tape, into); });
  parameters = 0;
  for (auto const& b : shared.buckets()) parameters += b.parameters;
  CHECK(parameters ==
        static_cast<int>(std::ranges::count_if(store.entries(), [](auto const& e) { return !e.name.starts_with("backbone"); })));
  for (auto const& e : store.entries()) CHECK(e.p->listener == nullptr);
}

TEST_CASE("detections of a data set that processes share are those of all, in each of them") {
  auto const of = [](std::size_t i) {
    std::vector<detection> list(i % 3);
    for (std::size_t k = 0; k < list.size(); ++k) {
      float const v = .1f * static_cast<float>(i) + static_cast<float>(k);
      list[k].where = {v, v + .3f, v + 7.7f, v + 9.1f};
      list[k].label = static_cast<std::int32_t>(1 + k);
      list[k].score = 1 / (v + 3);
    }
    return list;
  };
  auto const same = [](detection const& a, detection const& b) { return a.where == b.where && a.label == b.label && a.score == b.score; };
  for (std::size_t const images : {7, 1, 0}) {
    thread_group group(3);
    std::vector<std::vector<std::vector<detection>>> found(3, std::vector<std::vector<detection>>(images));
    group.run([&](int r) {
      auto& mine = found[static_cast<std::size_t>(r)];
      for (std::size_t i = static_cast<std::size_t>(r); i < images; i += 3) mine[i] = of(i);
      cpu::context c(1);
      gather_detections(c, group[r], mine);
    });
    for (auto const& lists : found)
      for (std::size_t i = 0; i < images; ++i) CHECK(std::ranges::equal(lists[i], of(i), same));
  }
}
