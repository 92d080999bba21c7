// The smallest backend: what Backend, PlainLayout, the executor's words and the ops ask for, and nothing else. All generic code compiles
// with it, so that the concepts say everything that a new backend must bring.
#include "frcnn/presets/resnet_c4.hpp"
#include "frcnn/presets/resnet_fpn.hpp"
#include "frcnn/presets/small.hpp"
#include "frcnn/testing/decisions.hpp"
#include "frcnn/testing/gradcheck.hpp"
#include "frcnn/train/checkpoint.hpp"
#include "frcnn/train/shared_evaluation.hpp"
#include "frcnn/train/trainer.hpp"

namespace smallest {  // not without a name: nothing here is defined

using namespace frcnn;

struct archetype {
  class block {
   public:
    block() = default;
    block(block&&) noexcept;
    block& operator=(block&&) noexcept;
    ~block();
    void* data() const noexcept;
  };
  template <class T>
  class activation {
   public:
    activation() = default;
    shape<4> dims{};

   private:
    [[maybe_unused]] void* inside_ = nullptr;
  };
  struct options {};
  class memory : public block {};
  class host_memory : public block {};
  class context;
  class event {
   public:
    event() = default;
    event(event&&) noexcept;
    event& operator=(event&&) noexcept;
    ~event();
    void record(context&);
    bool done() const;
    void wait() const;
  };
  static constexpr bool in_host_memory = false;
};

class archetype::context {
 public:
  explicit context(options);
  context(context const&) = delete;
  context& operator=(context const&) = delete;
  ~context();
  class frame {
   public:
    explicit frame(context&);
    frame(frame const&) = delete;
    frame& operator=(frame const&) = delete;
    ~frame();
  };
  void* scratch(std::size_t);
  template <class T>
  std::size_t storage(shape<4>);
  template <class T>
  archetype::activation<T> make(shape<4>);
  template <class T>
  archetype::activation<T> make_at(void*, shape<4>);
  template <class T>
  void from_plain(std::type_identity_t<view<T const, 4, archetype>>, archetype::activation<T>);
  template <class T>
  void to_plain(archetype::activation<T>, std::type_identity_t<view<T, 4, archetype>>);
  memory allocate(std::size_t);
  host_memory allocate_host(std::size_t);
  void copy_in(void*, void const*, std::size_t);
  void copy_out(void*, void const*, std::size_t);
  void copy(void*, void const*, std::size_t);
  void wait();
};

static_assert(Backend<archetype> && PlainLayout<archetype>);

}  // namespace smallest
using namespace smallest;

namespace frcnn {

template <>
struct exec<archetype> : ops::missing {
  template <class F>
  static void for_each(archetype::context&, std::size_t, F);
  template <class Key>
  static void segmented_sort(archetype::context&, view<Key, 2, archetype>, view<std::int32_t, 2, archetype>,
                             view<std::int32_t, 1, archetype>);
  template <class Flag>
  static void select(archetype::context&, view<Flag, 2, archetype>, view<std::int32_t, 2, archetype>, view<std::int32_t, 1, archetype>);
  template <class T, class F, class Op>
  static void segmented_reduce(archetype::context&, int, int, T, F, Op, std::type_identity_t<view<T, 1, archetype>>);
  template <class Box, class Suppress>
  static void nms_sweep(archetype::context&, counted<Box, 2, archetype>, Suppress, counted<std::int32_t, 2, archetype>);
};

namespace ops {
template <>
struct conv2d<archetype> : missing {};
template <>
struct linear<archetype> : missing {};
template <>
struct max_pool<archetype> : missing {};
template <>
struct lrn<archetype> : missing {};
template <>
struct add_maps<archetype> : missing {};
template <>
struct rows<archetype> : missing {};
template <>
struct upsample<archetype> : missing {};
template <>
struct roi_align<archetype> : missing {};
template <>
struct roi_pool<archetype> : missing {};
template <>
struct roi_warp<archetype> : missing {};
}  // namespace ops

}  // namespace frcnn

namespace smallest {  // not without a name: nothing here is defined

using preset = presets::small_net<archetype>;

}  // namespace

// Every function of the classes: those that are templates themselves are called below.
template class frcnn::detector<preset>;
template class frcnn::trainer<preset::model>;
using pyramid = presets::resnet_fpn<archetype, float>;
using c4 = presets::resnet_c4<archetype, float>;
template struct frcnn::presets::resnet_fpn<archetype, float>;
template struct frcnn::presets::resnet_c4<archetype, float>;
template class frcnn::faster_rcnn<pyramid::backbone_type, pyramid::generator_type, pyramid::head_type>;
template class frcnn::faster_rcnn<c4::backbone_type, c4::generator_type, c4::head_type>;
template class frcnn::sgd<float, archetype>;
template class frcnn::input_batch<float, archetype>;
template class frcnn::buffer<float, archetype>;
template class frcnn::staging<float, archetype>;
template class frcnn::readback<float, archetype>;
static_assert(Communicator<null_communicator<archetype>>);
template class frcnn::communicator_ref<null_communicator<archetype>>;

// Not run.
void use(detector<preset>& d, trainer<preset::model>& t, archetype::context& c, io::checkpoint const& saved,
         io::checkpoint_dir const& directory, preset::model::tape& tape, view<double, 1, archetype> v) {
  save(d, "m.safetensors");
  save_checkpoint(directory, d, t, {});
  load_checkpoint(saved, d, t, {});
  t.run([](std::uint64_t, input_batch<float, archetype>&) {});
  null_communicator<archetype> alone;
  communicator_ref<null_communicator<archetype>> others(alone);
  std::vector<std::vector<detection>> found;
  t.share(others);
  gather_detections<archetype>(c, others, found);
  auto const decisions = testing::record(c, tape);
  testing::replay(c, decisions, tape);
  testing::gradcheck(
      c, [] { return 0.; }, v, v);
  d.model().step_rpn(c, {}, {}, {}, tape, {});
  d.model().step_head(c, {}, {}, {}, tape, {});
  d.model().step_exact(c, {}, {}, {}, tape, {});
  std::as_const(d.model()).losses(c, {}, {}, {}, tape, {});
  d.model().detect(c, {}, detect_options{}, {});
}
