// CUDA C++ as C++ for this processor.
#pragma once
#include <string>

/// The source of a kernel as a library that has `clf_invoke`, `clf_name`, `clf_most_threads`. Throws std::runtime_error with what
/// is not known of it.
std::string translate(std::string source);
