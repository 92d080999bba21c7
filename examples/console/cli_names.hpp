#pragma once
// The names of CLI11 that declare options: who only hands them on does not compile CLI11, which takes seconds.
namespace CLI {
class App;
class Option;
}  // namespace CLI
