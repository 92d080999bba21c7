#pragma once
// What a Python pickle says, as values (io/pickle_values.hpp): nothing of it is executed, and nothing imported.
//
//   pickle const p("m.pth, record \"archive/data.pkl\"", bytes);        p.root(), p.at(id)
// All opcodes of protocols 0 to 5. Wrong bytes throw error with the position. Memory is bounded: a value takes at least one byte of the
// pickle, which may have `most_bytes`, and there are `most_values` of them at most.
// Source: Lib/pickletools.py of CPython 3.13.
#include "frcnn/io/byte_source.hpp"
#include "frcnn/io/pickle_values.hpp"

#include <bit>
#include <charconv>
#include <span>
#include <unordered_map>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

class pickle : public pickle_values {
 public:
  static constexpr std::size_t most_bytes = std::size_t{64} << 20, most_values = std::size_t{1} << 22;

  // where: names the file in errors.
  pickle(std::string where, std::string bytes) : where_(std::move(where)), bytes_(std::move(bytes)) {
    if (bytes_.size() > most_bytes) throw error(where_, "a pickle of at most 64 MiB", std::to_string(bytes_.size()) + " bytes");
    run();
  }

 private:
  error broken(std::string const& found) const {
    return {where_, "a pickle of Python", found + " at its byte " + std::to_string(at_ > 0 ? at_ - 1 : 0)};
  }

  // --- bytes
  std::string_view take(std::uint64_t n) {
    if (n > bytes_.size() - at_) throw broken("its end missing");
    auto const taken = std::string_view(bytes_).substr(at_, static_cast<std::size_t>(n));
    at_ += static_cast<std::size_t>(n);
    return taken;
  }
  template <class T>
  T number() {
    return little_endian<T>(take(sizeof(T)), 0);
  }
  std::string_view line() {
    auto const end = bytes_.find('\n', at_);
    if (end == bytes_.npos) throw broken("a line without end");
    auto const taken = take(end - at_);
    ++at_;
    return taken;
  }

  // --- nodes and the stack
  id add(pickle_value v) {
    if (nodes_.size() >= most_values) throw error(where_, "a pickle of at most " + std::to_string(most_values) + " values", "more");
    nodes_.push_back(std::move(v));
    return static_cast<id>(nodes_.size() - 1);
  }
  void push(id i) { stack_.push_back(i); }
  void push(pickle_value v) { push(add(std::move(v))); }
  void push(kind what) { push(pickle_value{.what = what}); }
  void push_text(kind what, std::string_view text) { push(pickle_value{.what = what, .text = text}); }
  void push_whole(std::int64_t v) { push(pickle_value{.what = kind::whole, .whole = v}); }
  void push_boolean(bool v) { push(pickle_value{.what = kind::boolean, .whole = v}); }

  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  id pop() {
    if (stack_.size() <= floor()) throw broken("an operation on an empty stack");
    id const top = stack_.back();
    stack_.pop_back();
    return top;
  }
  id& top() {
    if (stack_.size() <= floor()) throw broken("an operation on an empty stack");
    return stack_.back();
  }
  // All above the last mark.
  std::vector<id> pop_mark() {
    if (marks_.empty()) throw broken("an operation without a mark");
    std::vector<id> items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  void push_sequence(std::vector<id> items) { push(pickle_value{.what = kind::sequence, .items = std::move(items)}); }
  void push_tuple(std::size_t n) {
    std::vector<id> items(n);
    for (std::size_t i = n; i-- > 0;) items[i] = pop();
    push_sequence(std::move(items));
  }
  void push_call(id what, id arguments) { push(pickle_value{.what = kind::call, .items = {what, arguments, 0, 0, 0}}); }
  void push_name(std::string_view module, std::string_view attribute) {
    push(pickle_value{.what = kind::name, .text = module, .second = attribute});
  }
  // What items of a dictionary or of a sequence are added to: the node itself, or a part of an object's.
  std::vector<id>* part_of(id target, kind what) {
    if (nodes_[target].is(what)) return &nodes_[target].items;
    if (!nodes_[target].is(kind::call)) return nullptr;
    std::size_t const position = what == kind::dictionary ? pickle_value::dictionary : pickle_value::sequence;
    if (nodes_[target].items[position] == pickle_value::none_id) {
      id const part = add({.what = what});
      nodes_[target].items[position] = part;
    }
    return &nodes_[nodes_[target].items[position]].items;
  }
  void put_into(id target, kind what, std::span<id const> items) {
    if (what == kind::dictionary && items.size() % 2) throw broken("a key without a value");
    if (auto* const part = part_of(target, what)) part->insert(part->end(), items.begin(), items.end());
    else if (!nodes_[target].is(kind::opaque)) throw broken("items for something that holds none");
  }
  void memorise(std::uint64_t number) {
    memo_[number] = top();
    if (memo_.size() > nodes_.size()) throw broken("a value kept twice");  // Python keeps each once
  }
  void recall(std::uint64_t number) {
    auto const found = memo_.find(number);
    if (found == memo_.end()) throw broken("a value that was not kept");
    push(found->second);
  }

  // --- numbers in other forms
  template <class T>
  T decimal(std::string_view text) const {
    T value{};
    auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc() || end != text.data() + text.size()) throw broken("something that is no number");
    return value;
  }
  void push_long(std::string_view digits) {  // little-endian two's complement
    if (digits.size() > 8) return push(kind::opaque);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < digits.size(); ++i) value |= std::uint64_t{static_cast<unsigned char>(digits[i])} << (8 * i);
    if (!digits.empty() && digits.size() < 8 && (digits.back() & 0x80)) value |= ~std::uint64_t{0} << (8 * digits.size());
    push_whole(static_cast<std::int64_t>(value));
  }
  void push_real() {  // big-endian
    auto const eight = take(8);
    std::uint64_t bits = 0;
    for (char const c : eight) bits = bits << 8 | static_cast<unsigned char>(c);
    push(pickle_value{.what = kind::real, .number = std::bit_cast<double>(bits)});
  }

  void run() {
    for (;;) {
      auto const operation = static_cast<unsigned char>(take(1)[0]);
      if (operation == '.') break;
      step(operation);
    }
    root_ = pop();
    memo_ = {};
    stack_ = {};
  }

  void step(unsigned char operation) {
    switch (operation) {
      case 0x80: take(1); return;  // PROTO
      case 0x95: take(8); return;  // FRAME
      case '(': return marks_.push_back(stack_.size());
      case '0':  // POP: a mark too
        if (!marks_.empty() && stack_.size() == marks_.back()) marks_.pop_back();
        else pop();
        return;
      case '1': pop_mark(); return;
      case '2': return push(top());
      // memo
      case 'p': return memorise(decimal<std::uint32_t>(line()));
      case 'q': return memorise(number<std::uint8_t>());
      case 'r': return memorise(number<std::uint32_t>());
      case 0x94: return memorise(memo_.size());
      case 'g': return recall(decimal<std::uint32_t>(line()));
      case 'h': return recall(number<std::uint8_t>());
      case 'j': return recall(number<std::uint32_t>());
      // numbers
      case 'N': return push(pickle_value::none_id);
      case 0x88: return push_boolean(true);
      case 0x89: return push_boolean(false);
      case 'I': {
        auto const text = line();
        return text == "00" || text == "01" ? push_boolean(text == "01") : push_whole(decimal<std::int64_t>(text));
      }
      case 'J': return push_whole(number<std::int32_t>());
      case 'K': return push_whole(number<std::uint8_t>());
      case 'M': return push_whole(number<std::uint16_t>());
      case 'L': {
        auto text = line();
        if (text.ends_with('L')) text.remove_suffix(1);
        return text.size() > 18 ? push(kind::opaque) : push_whole(decimal<std::int64_t>(text));
      }
      case 0x8a: return push_long(take(number<std::uint8_t>()));
      case 0x8b: return push_long(take(number<std::uint32_t>()));
      case 'F': return push(pickle_value{.what = kind::real, .number = decimal<double>(line())});
      case 'G': return push_real();
      // texts and bytes
      case 'X': return push_text(kind::text, take(number<std::uint32_t>()));
      case 0x8c: return push_text(kind::text, take(number<std::uint8_t>()));
      case 0x8d: return push_text(kind::text, take(number<std::uint64_t>()));
      case 'V': return push_text(kind::text, line());
      case 'S': {
        auto const text = line();
        if (text.size() < 2) throw broken("a text without quotes");
        return push_text(kind::text, text.substr(1, text.size() - 2));
      }
      case 'T': return push_text(kind::text, take(number<std::uint32_t>()));
      case 'U': return push_text(kind::text, take(number<std::uint8_t>()));
      case 'B': return push_text(kind::bytes, take(number<std::uint32_t>()));
      case 'C': return push_text(kind::bytes, take(number<std::uint8_t>()));
      case 0x8e:
      case 0x96: return push_text(kind::bytes, take(number<std::uint64_t>()));
      case 0x97: return push(kind::opaque);  // NEXT_BUFFER
      case 0x98:
        top();
        return;  // READONLY_BUFFER
      // sequences
      case ']':
      case ')':
      case 0x8f: return push_sequence({});
      case 'l':
      case 't':
      case 0x91: return push_sequence(pop_mark());
      case 0x85: return push_tuple(1);
      case 0x86: return push_tuple(2);
      case 0x87: return push_tuple(3);
      case 'a': {
        id const item = pop();
        return put_into(top(), kind::sequence, std::span(&item, 1));
      }
      case 'e':
      case 0x90: {
        auto const items = pop_mark();
        return put_into(top(), kind::sequence, items);
      }
      // dictionaries
      case '}': return push(kind::dictionary);
      case 'd': {
        push(kind::dictionary);
        id const target = pop();
        put_into(target, kind::dictionary, pop_mark());
        return push(target);
      }
      case 's': {
        id const value = pop(), key = pop(), pair[] = {key, value};
        return put_into(top(), kind::dictionary, pair);
      }
      case 'u': {
        auto const items = pop_mark();
        return put_into(top(), kind::dictionary, items);
      }
      // objects
      case 'c': {
        auto const module = line();
        return push_name(module, line());
      }
      case 0x93: {
        id const attribute = pop(), module = pop();
        if (!at(attribute).is(kind::text) || !at(module).is(kind::text)) throw broken("a name that is no text");
        return push_name(at(module).text, at(attribute).text);
      }
      case 0x82: take(1); return push(kind::opaque);  // EXT1, 2, 4: names of a registry
      case 0x83: take(2); return push(kind::opaque);
      case 0x84: take(4); return push(kind::opaque);
      case 'R':
      case 0x81: {
        id const arguments = pop(), what = pop();
        return push_call(what, arguments);
      }
      case 0x92: {  // NEWOBJ_EX
        pop();
        id const arguments = pop(), what = pop();
        return push_call(what, arguments);
      }
      case 'i': {
        auto const module = line();
        push_name(module, line());
        id const what = pop();
        push_sequence(pop_mark());
        id const arguments = pop();
        return push_call(what, arguments);
      }
      case 'o': {
        auto items = pop_mark();
        if (items.empty()) throw broken("an object without a class");
        id const what = items.front();
        items.erase(items.begin());
        push_sequence(std::move(items));
        id const arguments = pop();
        return push_call(what, arguments);
      }
      case 'b': {
        id const state = pop();
        if (auto& object = nodes_[top()]; object.is(kind::call)) object.items[pickle_value::state] = state;
        return;
      }
      case 'P': {
        push_text(kind::text, line());
        [[fallthrough]];
      }
      case 'Q': {
        id const key = pop();
        return push(pickle_value{.what = kind::persistent, .items = {key}});
      }
      default: throw broken("an unknown operation");
    }
  }

  std::string where_, bytes_;
  std::size_t at_ = 0;
  std::vector<id> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, id> memo_;
};

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
