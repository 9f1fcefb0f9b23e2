// SPDX-License-Identifier: Apache-2.0
// A study's folder: study.json, which grows with every run, and the files made from it.
//
//   study.json   all measurements; complete after each run
//   report.html  tables.md  tables.tex  tables/*.csv
#pragma once

#include <filesystem>
#include <optional>

#include "base/durable_file.hpp"
#include "study/record.hpp"

namespace convoy::study {

class StudyFolder {
 public:
  // Creates the folder, or opens it if it holds the beginning of the same study (difference() is
  // empty); then `study` gets its runs. Throws UserError(usage) if the folder holds another study
  // or anything else, or if another process uses it.
  StudyFolder(const std::filesystem::path& folder, Study& study);

  void save(const Study& study) const;  // writes study.json
  void save_reports(const Study& study) const;

  const std::filesystem::path& path() const { return folder_; }
  std::filesystem::path run_folder() const { return folder_ / "run"; }  // of the run in progress

 private:
  std::filesystem::path folder_;
  std::optional<FileDescriptor> lock_;
};

bool is_study(const std::filesystem::path& folder);
// Throws UserError(not_found | bad_data).
Study load_study(const std::filesystem::path& folder);
// Writes everything but study.json anew. Returns the report's file.
std::filesystem::path write_reports(const Study& study, const std::filesystem::path& folder);

}  // namespace convoy::study
