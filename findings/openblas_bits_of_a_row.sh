#!/usr/bin/env bash
# OpenBLAS: the bits of a product depend on the number of threads, and on how
# many other rows are multiplied in the same call, with the kernels for AVX2.
# With those for AVX-512 they do not, for the same large products.
#
# Version: OpenBLAS 0.3.21 of Debian 12, libopenblas0-openmp 0.3.21+ds-4.
#
# Observed, with cblas_sgemm on shapes of convolutions and fully connected
# layers: kernels "Haswell" with 2, 3 or 4 threads give other last bits than
# with 1 thread, in 9 to 45 % of the values. Where the first half of the rows
# is multiplied alone, 1 to 8 % of them differ, too. The differences are those
# of rounding (1e-5 where values are about 5). Kernels "SkylakeX" give the same
# bits each time. The same call twice has the same bits with either.
#
# One would have guessed: threads share out rows and columns of the result,
# nobody shares out the sum of one element, so its bits stay; and if not, then
# with no kernel.
#
# Why it matters: a test that training with 1 and with 4 threads, or detecting
# with batches of 1 and of 2, ends in the same bytes passes on a machine with
# AVX-512 and fails on one without, with no change of library, code or data.
# Whoever promises the same bytes has to fix the shape of each product and the
# number of threads that OpenBLAS uses for it.
#
# OPENBLAS_CORETYPE chooses the kernels, so the first part runs alike on every
# processor with AVX2. The second part is left out where AVX-512 is not there.
#
# Needs: cc with OpenMP (libgomp), libgfortran5, apt-get and dpkg of Debian 12;
# x86-64 with AVX2 and FMA.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

apt-get -qq -o APT::Sandbox::User=root download libopenblas0-openmp=0.3.21+ds-4
dpkg -x libopenblas0-openmp_*.deb deb
library=$(find "$tmp/deb" -path '*openblas-openmp/libopenblas.so.0')

cat > bits.c <<'C'
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
char* openblas_get_config(void);
char* openblas_get_corename(void);
void cblas_sgemm(int, int, int, int, int, int, float, const float*, int, const float*, int, float, float*, int);

static float* numbers(int count) {
  static unsigned state = 1;
  float* p = malloc(sizeof(float) * count);
  if (!p) exit(2);
  for (int i = 0; i < count; ++i) p[i] = ((state = state * 1664525u + 1013904223u) >> 8) / 16777216.0f - 0.5f;
  return p;
}

static float worst;
static int other(const float* x, const float* y, int count) {
  int n = 0;
  for (int i = 0; i < count; ++i) {
    n += x[i] != y[i];
    worst = fmaxf(worst, fabsf(x[i] - y[i]));
  }
  return n;
}

// Argument: kernels that must be in use. Status 0: bits depend on threads and rows in every shape; 3: in none.
int main(int argc, char** argv) {
  static const int shapes[][3] = {{64, 1000, 576}, {1000, 64, 576}, {512, 196, 4608}, {128, 300, 3136}};
  int depend = 0, same = 0, count = sizeof shapes / sizeof *shapes;
  printf("%s, kernels %s\n", openblas_get_config(), openblas_get_corename());
  if (argc != 2 || strcmp(argv[1], openblas_get_corename())) return 2;
  for (int s = 0; s < count; ++s) {
    int m = shapes[s][0], n = shapes[s][1], k = shapes[s][2], by_threads = 0;
    float *a = numbers(m * k), *b = numbers(k * n), *one = numbers(m * n), *c = numbers(m * n), *again = numbers(m * n);
    omp_set_num_threads(1);
    cblas_sgemm(101, 111, 111, m, n, k, 1, a, k, b, n, 0, one, n);
    worst = 0;
    printf("%d x %d (sums of %d): other bits than with 1 thread:", m, n, k);
    for (int threads = 2; threads <= 4; ++threads) {
      omp_set_num_threads(threads);
      cblas_sgemm(101, 111, 111, m, n, k, 1, a, k, b, n, 0, c, n);
      cblas_sgemm(101, 111, 111, m, n, k, 1, a, k, b, n, 0, again, n);
      if (other(c, again, m * n)) return 1;
      int differ = other(one, c, m * n);
      printf(" %d threads %.1f %%,", threads, 100.0 * differ / (m * n));
      by_threads += differ;
    }
    omp_set_num_threads(1);
    cblas_sgemm(101, 111, 111, m / 2, n, k, 1, a, k, b, n, 0, c, n);
    int by_rows = other(one, c, m / 2 * n);
    printf(" half the rows, 1 thread %.1f %%; at most %.1e apart\n", 100.0 * by_rows / (m / 2 * n), worst);
    if (worst > 1e-4f) return 1;
    depend += by_threads && by_rows;
    same += !by_threads && !by_rows;
    free(a), free(b), free(one), free(c), free(again);
  }
  return depend == count ? 0 : same == count ? 3 : 1;
}
C
cc -O1 -fopenmp bits.c -o bits -lm -Wl,--no-as-needed "$library" -Wl,-rpath,"$(dirname "$library")"

status() { local s=0 want=$1; shift; "$@" || s=$?; test "$s" = "$want" || { echo "CHANGED: status $s, was $want"; exit 1; }; }
OPENBLAS_CORETYPE=Haswell status 0 ./bits Haswell
if grep -q avx512vl /proc/cpuinfo; then
  OPENBLAS_CORETYPE=SkylakeX status 3 ./bits SkylakeX
else
  echo "no AVX-512 here: kernels SkylakeX left out"
fi
echo "as described"
