// A file that does not, and is compiled as its project wants.
#include <cstdio>

double overlap(double shift);

int main() {
  double const found = overlap(5);
  std::printf("%f\n", found);
  return found > 0.333 && found < 0.334 ? 0 : 1;
}
