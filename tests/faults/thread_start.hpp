#pragma once
// What every thread of this program runs before its own work; null: nothing. threads.cpp calls it.

inline void (*at_thread_start)() = nullptr;
