// SPDX-License-Identifier: Apache-2.0
#include "study/folder.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <stdexcept>

#include "base/check.hpp"
#include "study/report.hpp"

namespace convoy::study {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStudyFile = "study.json";
constexpr const char* kLockFile = "lock";

// Makes one of our folders inside another. It refuses a link, which would redirect what is written.
void make_inner_folder(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0777) == 0) return;
  const int error = errno;
  struct stat facts {};
  if (error == EEXIST && ::lstat(folder.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode)) return;
  throw SystemError(Fault::io, "mkdir", folder.string(), error);
}

// Whether it holds only what a process leaves that was killed before it wrote anything.
bool is_as_good_as_empty(const fs::path& folder) {
  if (!fs::is_directory(folder)) return false;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename() != kLockFile && !is_temporary(entry.path())) return false;
  }
  return true;
}

// No message advises the user to remove the folder, because it may hold a run.
[[noreturn]] void refuse(const fs::path& folder, std::string_view why,
                         std::string_view remedy = "choose another folder with --out") {
  throw UserError(Fault::usage, fmt::format("{} can't be used for this study", folder.string()),
                  why, remedy);
}

}  // namespace

StudyFolder::StudyFolder(const fs::path& folder, Study& study) : folder_(folder) {
  if (!is_study(folder) && fs::exists(folder) && !is_as_good_as_empty(folder)) {
    refuse(folder, "it exists and does not hold a study");
  }
  make_folders(folder);
  lock_ = try_lock(folder / kLockFile);
  if (!lock_) {
    refuse(folder, "another process is using it",
           "wait for that process, or choose another folder with --out");
  }
  remove_temporaries(folder);
  if (!is_study(folder)) {
    save(study);
    return;
  }
  const Study before = load_study(folder);
  if (const std::string what = difference(before, study); !what.empty()) {
    refuse(folder, fmt::format("it already holds a different study: {} differs", what));
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
    throw UserError(Fault::bad_data, fmt::format("{} is not a study", file.string()), error.what(),
                    "run the study again with another --out");
  }
}

fs::path write_reports(const Study& study, const fs::path& folder) {
  const Results results = analyse(study);
  make_folders(folder);
  make_inner_folder(folder / "tables");
  for (const Table& table : csv_tables(results)) {
    replace_file_unsynced(folder / "tables" / (table.name + ".csv"), to_csv(table));
  }
  replace_file_unsynced(folder / "tables.md", text_report(study, results, TextTarget::markdown));
  replace_file_unsynced(folder / "tables.tex", latex(study, results));
  const std::vector<Plot> all = plots(results);
  const std::vector<std::string> drawn = draw(all), pdfs = draw_pdf(all);
  make_inner_folder(folder / "figures");
  for (std::size_t i = 0; i < all.size(); ++i) {
    const fs::path stem = folder / "figures" / name_of(all[i]);
    replace_file_unsynced(stem.string() + ".svg", svg_file(drawn[i]));
    replace_file_unsynced(stem.string() + ".pdf", pdfs[i]);
  }
  fs::path report = folder / "report.html";
  replace_file_unsynced(report, report_page(study, results, drawn));
  return report;
}

}  // namespace convoy::study
