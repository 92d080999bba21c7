#!/usr/bin/env bash
# OpenBLAS built for OpenMP: openblas_set_num_threads() binds the calling thread
# only, while openblas_get_num_threads() answers for the whole process, with
# the number of whichever thread multiplied last.
#
# Version: OpenBLAS 0.3.21 of Debian 12, libopenblas0-openmp 0.3.21+ds-4.
#
# Observed, with OMP_NUM_THREADS=3 and two threads A and B of a program:
# - A sets 1. Its own products run on one thread.
# - B then reads 1, too. Yet its next product runs on several threads: it goes
#   by B's omp_get_max_threads(), which A did not change.
# - That product puts the process's number back to 3. A, which set 1, now reads
#   3. Yet A's products still run on one thread, and leave the number at 3.
# - A thread C that A starts after it has set 1 uses several as well: it begins
#   with the 3 of the environment, not with A's 1.
# So the number read is wrong in both threads, in both directions.
#
# One would have guessed: the setting is the process's, as the number read is,
# and a program that sets 1 at its start has BLAS on one thread everywhere.
#
# Why it matters: a program with a detector in each of several threads sets
# OpenBLAS to 1 once, so that threads do not multiply. The detectors' threads,
# started before or after, still use all cores each. And code that reads the
# number, sets 1, multiplies and puts the number back puts back a number
# that may be another thread's. Each thread has to call the function itself
# (or omp_set_num_threads, which it goes by).
#
# How it is seen: the share of the process's processor time, during a product,
# that the multiplying thread had itself. Idle threads of OpenMP do not spin
# (OMP_WAIT_POLICY=passive), so it is 1 for one thread and less for several.
#
# Needs: cc with OpenMP (libgomp), libgfortran5, apt-get and dpkg of Debian 12.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

apt-get -qq -o APT::Sandbox::User=root download libopenblas0-openmp=0.3.21+ds-4
dpkg -x libopenblas0-openmp_*.deb deb
library=$(find "$tmp/deb" -path '*openblas-openmp/libopenblas.so.0')

cat > two_threads.c <<'C'
#define _GNU_SOURCE
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
void openblas_set_num_threads(int);
int openblas_get_num_threads(void);
char* openblas_get_config(void);
void cblas_sgemm(int, int, int, int, int, int, float, const float*, int, const float*, int, float, float*, int);

static int changed;
static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

// A product in the calling thread: what was read before and after it, and whether one thread did it.
// The last four arguments are what was seen when this was written.
static void product(const char* when, int read_before, int limit, int alone, int read_after) {
  enum { n = 1024 };
  float *a = calloc(n * n, 4), *b = calloc(n * n, 4), *c = calloc(n * n, 4);
  if (!a || !b || !c) exit(2);
  usleep(100000);  // threads of the product before have gone to sleep
  int before = openblas_get_num_threads(), own = omp_get_max_threads();
  double all = seconds(CLOCK_PROCESS_CPUTIME_ID), mine = seconds(CLOCK_THREAD_CPUTIME_ID);
  cblas_sgemm(101, 111, 111, n, n, n, 1, a, n, b, n, 0, c, n);
  mine = seconds(CLOCK_THREAD_CPUTIME_ID) - mine;
  all = seconds(CLOCK_PROCESS_CPUTIME_ID) - all;
  int after = openblas_get_num_threads();
  free(a), free(b), free(c);
  printf("%-22s openblas_get_num_threads %d, omp_get_max_threads %d; own share %.2f; then openblas_get_num_threads %d\n", when, before,
         own, mine / all, after);
  if (before != read_before || own != limit || (mine / all > 0.9) != alone || after != read_after) {
    changed = 1;
    printf("CHANGED: was %d, %d, %s, %d\n", read_before, limit, alone ? "one thread" : "several threads", read_after);
  }
}

static pthread_barrier_t turn;
static void* other(void* unused) {
  product("B, first product", 3, 3, 0, 3);
  pthread_barrier_wait(&turn);  // A sets 1
  pthread_barrier_wait(&turn);
  product("B, after A has set 1", 1, 3, 0, 3);
  product("B, again", 3, 3, 0, 3);
  pthread_barrier_wait(&turn);
  pthread_barrier_wait(&turn);  // A multiplies
  return unused;
}

static void* third(void* unused) {
  product("C, started by A now", 3, 3, 0, 3);
  return unused;
}

int main(void) {
  printf("%s\n", openblas_get_config());
  pthread_barrier_init(&turn, 0, 2);
  pthread_t b, c;
  product("A, first product", openblas_get_num_threads(), 3, 0, 3);
  if (pthread_create(&b, 0, other, 0)) return 2;
  pthread_barrier_wait(&turn);
  openblas_set_num_threads(1);
  product("A, after it has set 1", 1, 1, 1, 1);
  pthread_barrier_wait(&turn);
  pthread_barrier_wait(&turn);
  product("A, after B's products", 3, 1, 1, 3);
  pthread_barrier_wait(&turn);
  pthread_join(b, 0);
  if (pthread_create(&c, 0, third, 0)) return 2;
  pthread_join(c, 0);
  return changed;
}
C
cc -O1 -fopenmp two_threads.c -o two_threads -Wl,--no-as-needed "$library" -Wl,-rpath,"$(dirname "$library")"
OMP_NUM_THREADS=3 OMP_WAIT_POLICY=passive ./two_threads
echo "as described"
