// SPDX-License-Identifier: Apache-2.0
// The output of convoy bench: for people, for programs, and as a picture.
#pragma once

#include <string>

#include "cli/output.hpp"
#include "measure/bench.hpp"
#include "report/roofline.hpp"

namespace convoy::app {

struct BenchSubject {
  const ModelFile& model;  // with the requested batch
  std::string data;        // its name
  double busy_cores;       // used by other programs meanwhile
};

std::string table(const BenchSubject& subject, const measure::BenchResult& result);
Json document(const BenchSubject& subject, const measure::BenchResult& result);
Roofline roofline(const BenchSubject& subject, const measure::BenchResult& result);

}  // namespace convoy::app
