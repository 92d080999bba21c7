#pragma once
// The products of ops::linear<cuda>: cuBLASLt's, with a plan for each shape that its rules name, chosen when the shape is first seen and
// kept. Equal runs get equal plans and equal bits; nothing is measured, and nothing waits.
//   precision exact   float; tf32: factors rounded to tf32; bf16: inference: factors rounded to bf16, summed and given in float, what learns
//                     is computed as in tf32
// A bias alone is the product's epilogue, where it lies at a multiple of 16 bytes: plans are not told of its alignment, and some read it so.
// With a ReLU both are a kernel of ours: cuBLASLt's ReLU makes a NaN 0, which the loss must see.
#include "frcnn/backend/cuda/bf16.hpp"
#include "frcnn/backend/cuda/executor.cuh"
#include "frcnn/backend/cuda/libraries.cuh"
#include "frcnn/backend/cuda/linear.hpp"

#include <array>
#include <map>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

class product_plans {
 public:
  static constexpr std::size_t most_workspace = std::size_t{32} << 20, most_plans = 4096;

  explicit product_plans(cuda::context& c) : handle_(cublaslt_of(c)) {}

  struct types {
    cudaDataType_t factors, sums;
    cublasComputeType_t compute;
  };

  // Matrices are stored by rows, cuBLASLt's by columns: out^T [n, m] = op(b)^T op(a)^T. bias: nullptr, or of n.
  template <Real T>
  void run(cuda::context& c, types const& t, matrix_product<T> const& p, void const* a, void const* b, T const* bias) {
    cublasLtMatmulDescOpaque_t product{};
    cublasLtMatrixLayoutOpaque_t first{}, second{}, result{};
    check_status({"cublasLtMatmulDescInit"}, cublasLtMatmulDescInit(&product, t.compute, t.sums));
    set(product, CUBLASLT_MATMUL_DESC_TRANSA, p.turns_b ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(product, CUBLASLT_MATMUL_DESC_TRANSB, p.turns_a ? CUBLAS_OP_T : CUBLAS_OP_N);
    if (bias) {
      set(product, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
      set(product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<void const*>(bias));
    }
    layout(first, t.factors, p.b_stride(), p.turns_b ? p.n : p.k);
    layout(second, t.factors, p.a_stride(), p.turns_a ? p.k : p.m);
    layout(result, t.sums, p.n, p.m);

    std::size_t const factor = t.factors == CUDA_R_16BF ? 2 : sizeof(T);
    std::array<std::int64_t, 12> const key{t.factors,
                                           t.compute,
                                           p.m,
                                           p.n,
                                           p.k,
                                           p.turns_a,
                                           p.turns_b,
                                           bias != nullptr,
                                           p.how == writing::add,
                                           alignment(b, p.k * p.n, factor),
                                           alignment(a, p.m * p.k, factor),
                                           alignment(p.out, p.m * p.n, sizeof(T))};
    auto found = plans_.find(key);
    if (found == plans_.end()) {
      if (plans_.size() >= most_plans) plans_.clear();
      found = plans_.emplace(key, choose(c, product, first, second, result, key)).first;
    }
    cuda::context::frame const scope(c);
    T const one = 1, beta = p.how == writing::add ? 1 : 0;
    c.call({"cublasLtMatmul"}, cublasLtMatmul, handle_, &product, &one, b, &first, a, &second, &beta, p.out, &result, p.out, &result,
           &found->second.algo, c.scratch(found->second.workspaceSize), found->second.workspaceSize, c.stream());
  }

 private:
  template <class V>
  static void set(cublasLtMatmulDescOpaque_t& d, cublasLtMatmulDescAttributes_t what, V const& value) {
    check_status({"cublasLtMatmulDescSetAttribute"}, cublasLtMatmulDescSetAttribute(&d, what, &value, sizeof value));
  }
  template <class V>
  static void set(cublasLtMatmulPreferenceOpaque_t& d, cublasLtMatmulPreferenceAttributes_t what, V const& value) {
    check_status({"cublasLtMatmulPreferenceSetAttribute"}, cublasLtMatmulPreferenceSetAttribute(&d, what, &value, sizeof value));
  }
  static void layout(cublasLtMatrixLayoutOpaque_t& l, cudaDataType_t type, std::int64_t rows, std::int64_t columns) {
    check_status({"cublasLtMatrixLayoutInit"},
                 cublasLtMatrixLayoutInit(&l, type, static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(columns), rows));
  }
  // Bytes that a plan may count on: 16, those of the widest load, or as many as images of that size keep where they lie one behind the other:
  // each image of a batch has the plan of one alone.
  static std::uint32_t alignment(void const* p, std::int64_t elements, std::size_t size) {
    std::uintptr_t const address = reinterpret_cast<std::uintptr_t>(p) | (static_cast<std::uintptr_t>(elements) * size) | 16;
    return static_cast<std::uint32_t>(address & (~address + 1));
  }

  cublasLtMatmulHeuristicResult_t choose(cuda::context& c, cublasLtMatmulDescOpaque_t& product, cublasLtMatrixLayoutOpaque_t& first,
                                         cublasLtMatrixLayoutOpaque_t& second, cublasLtMatrixLayoutOpaque_t& result,
                                         std::array<std::int64_t, 12> const& key) {
    cublasLtMatmulPreferenceOpaque_t wanted{};
    check_status({"cublasLtMatmulPreferenceInit"}, cublasLtMatmulPreferenceInit(&wanted));
    set(wanted, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, most_workspace);
    set(wanted, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, static_cast<std::uint32_t>(key[9]));
    set(wanted, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, static_cast<std::uint32_t>(key[10]));
    set(wanted, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, static_cast<std::uint32_t>(key[11]));
    set(wanted, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, static_cast<std::uint32_t>(key[11]));
    cublasLtMatmulHeuristicResult_t found{};
    int count = 0;
    c.call({"cublasLtMatmulAlgoGetHeuristic"}, cublasLtMatmulAlgoGetHeuristic, handle_, &product, &first, &second, &result, &result,
           &wanted, 1, &found, &count);
    if (count == 0 || found.state != CUBLAS_STATUS_SUCCESS)
      throw error("cuBLASLt",
                  "a plan for a product of " + std::to_string(key[2]) + " x " + std::to_string(key[4]) + " and " + std::to_string(key[4]) +
                      " x " + std::to_string(key[3]),
                  "none");
    return found;
  }

  cublasLtHandle_t handle_;
  std::map<std::array<std::int64_t, 12>, cublasLtMatmulHeuristicResult_t> plans_;
};

template <>
struct linear_products<cuda> {
  template <Real T>
  static bool multiply(cuda::context& c, bool infers, matrix_product<T> const& p, T const* bias, bool relu) {
    auto& plans = c.state<product_plans>();
    if constexpr (std::is_same_v<T, double>) {
      plans.run<T>(c, {CUDA_R_64F, CUDA_R_64F, CUBLAS_COMPUTE_64F}, p, p.a, p.b, nullptr);
      return false;
    } else {
      bool const is_whole = !relu && reinterpret_cast<std::uintptr_t>(bias) % 16 == 0;
      T const* const epilogue = is_whole ? bias : nullptr;
      auto const precision = c.options().precision;
      cuda::context::frame const scope(c);
      if (infers && precision == compute::bf16)
        plans.run<T>(c, {CUDA_R_16BF, CUDA_R_32F, CUBLAS_COMPUTE_32F}, p, rounded(c, p.a, p.m * p.k), rounded(c, p.b, p.k * p.n), epilogue);
      else
        plans.run<T>(c, {CUDA_R_32F, CUDA_R_32F, precision == compute::exact ? CUBLAS_COMPUTE_32F : CUBLAS_COMPUTE_32F_FAST_TF32}, p, p.a,
                     p.b, epilogue);
      return is_whole;
    }
  }

 private:
  static std::uint16_t const* rounded(cuda::context& c, float const* v, std::int64_t n) {
    auto* const to = c.scratch_of<std::uint16_t>(static_cast<std::size_t>(n));
    exec<cuda>::for_each(c, static_cast<std::size_t>(n), round_to_bf16{v, to});
    return to;
  }
};

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
