// Who uses the product, installed.
#include <overlap.hpp>

int main() { return overlap({0, 0, 16, 16}, {8, 0, 24, 16}) > .333f ? 0 : 1; }
