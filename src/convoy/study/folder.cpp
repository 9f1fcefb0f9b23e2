// SPDX-License-Identifier: Apache-2.0
#include "convoy/study/folder.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "convoy/base/check.hpp"
#include "convoy/study/report.hpp"

namespace convoy::study {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStudyFile = "study.json";

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw SystemError(Fault::io, "mkdir", folder.string(), error.value());
}

[[noreturn]] void refuse(const fs::path& folder, std::string_view why) {
  throw UserError(Fault::usage, fmt::format("{} can't take this study", folder.string()), why,
                  "choose another folder by --out, or remove this one");
}

}  // namespace

StudyFolder::StudyFolder(const fs::path& folder, Study& study) : folder_(folder) {
  const bool known = is_study(folder);
  if (!known && fs::exists(folder) && !(fs::is_directory(folder) && fs::is_empty(folder))) {
    refuse(folder, "it exists and holds no study");
  }
  make_folder(folder);
  lock_ = try_lock(folder / "lock");
  if (!lock_) refuse(folder, "another process works in it");
  if (!known) {
    save(study);
    return;
  }
  const Study before = load_study(folder);
  if (fingerprint(before) != fingerprint(study)) {
    refuse(folder, "it holds another study: another plan, version or machine");
  }
  study = before;
}

void StudyFolder::save(const Study& study) const {
  replace_file(folder_ / kStudyFile, to_json(study));
}

void StudyFolder::save_reports(const Study& study) const {
  write_reports(study, folder_);
}

bool is_study(const fs::path& folder) {
  return fs::is_regular_file(folder / kStudyFile);
}

Study load_study(const fs::path& folder) {
  const fs::path file = folder / kStudyFile;
  const std::string text = read_text(file, "study");
  try {
    return parse_study(text);
  } catch (const std::invalid_argument& error) {
    throw UserError(Fault::bad_data, fmt::format("{} is no study", file.string()), error.what(),
                    "run the study again, with another --out");
  }
}

fs::path write_reports(const Study& study, const fs::path& folder) {
  const Results results = analyse(study);
  make_folder(folder / "tables");
  for (const Table& table : tables(results)) {
    replace_file_unsynced(folder / "tables" / (table.name + ".csv"), to_csv(table));
  }
  replace_file_unsynced(folder / "tables.md", markdown(study, results));
  replace_file_unsynced(folder / "tables.tex", latex(study, results));
  fs::path report = folder / "report.html";
  replace_file_unsynced(report, report_page(study, results));
  return report;
}

}  // namespace convoy::study
