// SPDX-License-Identifier: Apache-2.0
// What convoy bench measured: for a person, for a program, and as a picture.
#pragma once

#include <string>

#include "cli/output.hpp"
#include "measure/bench.hpp"
#include "report/roofline.hpp"

namespace convoy::app {

struct BenchSubject {
  const ModelFile& model;  // with the batch that was asked for
  std::string data;        // its name
  double busy_cores;       // that other programs used meanwhile
};

std::string table(const BenchSubject& subject, const measure::BenchResult& result);
Json document(const BenchSubject& subject, const measure::BenchResult& result);
Roofline roofline(const BenchSubject& subject, const measure::BenchResult& result);

}  // namespace convoy::app
