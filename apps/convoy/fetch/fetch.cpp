// SPDX-License-Identifier: Apache-2.0
#include "fetch/fetch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "cli/address.hpp"
#include "cli/output.hpp"
#include "data/known_sets.hpp"
#include "fetch/unpack.hpp"
#include "internal.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;

bool there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

std::string megabytes(std::uint64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) * 1e-6);
}

// One line that is redrawn on a terminal; two plain lines elsewhere.
class ProgressLine {
 public:
  ProgressLine(std::string name, const std::string& url) : name_(std::move(name)) {
    if (!line_.live()) write_line(fmt::format("{}: from {}", name_, shown_address(url)));
  }

  void show(std::uint64_t bytes, std::uint64_t total) {
    constexpr double kRefresh = 0.1;
    if (!line_.live() || (shown_ && since_.seconds() < kRefresh)) return;
    shown_ = true;
    since_.restart();
    line_.show(fmt::format("{}: {}{}", name_, megabytes(bytes),
                           total ? " of " + megabytes(total) : std::string()));
  }

 private:
  std::string name_;
  LiveLine line_;
  bool shown_ = false;
  Stopwatch since_;
};

// A file to download, and how to put it in place.
struct Job {
  std::string remote;                                  // its name on the server
  std::string stored;                                  // and here, without ".part"
  std::function<std::string(PartFile&)> put_in_place;  // returns the reason if the content is wrong
};

class Fetcher {
 public:
  Fetcher(const FetchOptions& options, const RemoteSet& set)
      : set_(set),
        is_own_mirror_(!options.from.empty()),
        mirrors_(options.from.empty() ? set.mirrors : std::vector{options.from}),
        folder_(options.to.empty() ? fetch_folder(set.name) : options.to),
        limits_(options.limits) {
    limits_.most_bytes = set.most_bytes;
    for (const std::string& mirror : mirrors_) check_address(mirror);
  }

  void run() {
    const std::vector<fs::path> made = make_folder();
    try {
      obtain_all();
    } catch (...) {
      std::error_code ignored;  // what holds a part of a file stays
      for (const fs::path& folder : made) fs::remove(folder, ignored);
      throw;
    }
    write_line(fmt::format("{} is complete in {}", set_.name, folder_.string()));
  }

 private:
  void obtain_all() const {
    if (set_.archive.empty()) {
      for (const RemoteFile& file : set_.files)
        if (!is_right(file)) obtain(single(file));
    } else if (!std::ranges::all_of(set_.files, [&](const auto& f) { return is_right(f); })) {
      obtain(whole_archive());
    }
  }

  // Returns the folders that it made, the innermost first.
  std::vector<fs::path> make_folder() const {
    std::error_code error;
    std::vector<fs::path> made;
    for (fs::path path = fs::absolute(folder_); !there(path); path = path.parent_path()) {
      made.push_back(path);
    }
    fs::create_directories(folder_, error);
    if (error || !fs::is_directory(folder_, error))
      throw SystemError(Fault::io, "mkdir", folder_.string(),
                        error ? error.message() : "a file has that name");
    return made;
  }

  // The copy that load_data() would read; empty if there is none.
  fs::path present(const RemoteFile& file) const {
    for (const char* ending : {"", ".gz"})
      if (there(folder_ / (file.name + ending))) return folder_ / (file.name + ending);
    return {};
  }

  bool is_right(const RemoteFile& file) const {
    const fs::path path = present(file);
    if (path.empty()) return false;
    const bool knows_packed = path.filename() != file.name && !file.packed.sha256.empty();
    const std::string error = file.content.sha256.empty() && knows_packed
                                  ? checksum_error(path, file.packed)
                                  : content_error(path, file, set_.most_bytes);
    if (!error.empty()) {
      write_line(fmt::format("{} has wrong content and is replaced ({})", path.string(), error));
      return false;
    }
    const bool is_verified = !file.content.sha256.empty() || knows_packed;
    write_line(fmt::format("{}: already present{}", file.name,
                           is_verified ? "" : " (checked for its size alone)"));
    return true;
  }

  // Renames a wrong copy, which would hide the right one if its name is read first.
  static void set_aside_wrong(const fs::path& path) {
    if (!there(path)) return;
    std::error_code error;
    fs::rename(path, fs::path(path) += ".wrong", error);
    if (error) throw SystemError(Fault::io, "rename", path.string(), error.message());
  }

  // Where both are there, NAME is read before NAME.gz.
  void set_aside_hiding() const {
    for (const RemoteFile& file : set_.files) {
      const fs::path plain = folder_ / file.name;
      if (there(plain) && there(fs::path(plain) += ".gz") &&
          !content_error(plain, file, set_.most_bytes).empty())
        set_aside_wrong(plain);
    }
  }

  Job single(const RemoteFile& file) const {
    const std::string packed = file.name + ".gz";
    return {packed, packed, [this, &file, packed](PartFile& part) {
              std::string error = file.content.sha256.empty()
                                      ? checksum_error(part.path(), file.packed)
                                      : content_error(part.path(), file, set_.most_bytes);
              if (!error.empty()) return error;
              set_aside_wrong(folder_ / file.name);
              part.keep_as(folder_ / packed);
              return error;
            }};
  }

  Job whole_archive() const {
    return {set_.archive, set_.archive, [this](PartFile& part) {
              std::string error = set_.archive_checksum.sha256.empty()
                                      ? std::string()
                                      : checksum_error(part.path(), set_.archive_checksum);
              if (error.empty()) error = unpack(part.path(), set_.files, set_.most_bytes, folder_);
              if (error.empty()) set_aside_hiding();
              if (error.empty()) part.remove();
              return error;
            }};
  }

  // Takes the file from the first mirror that sends the right content.
  void obtain(const Job& job) const {
    PartFile part(folder_ / (job.stored + ".part"));
    std::string failures;
    bool wrong = false;
    for (const std::string& mirror : mirrors_) {
      const std::string url = mirror + (mirror.ends_with('/') ? "" : "/") + job.remote;
      const auto [failure, content] = obtain_from(url, job, part);
      if (failure.empty()) return;
      wrong = wrong || content;
      failures += fmt::format("\n  {}: {}", shown_address(url), failure);
    }
    if (part.size() == 0 || wrong) part.remove();
    report(job, failures, wrong);
  }

  struct Failure {
    std::string reason;
    bool content = false;  // all bytes were received, but the content was wrong
  };
  Failure obtain_from(const std::string& url, const Job& job, PartFile& part) const {
    for (;;) {
      DownloadResult result;
      {
        ProgressLine line(job.remote, url);
        result = download(url, part, limits_,
                          [&](std::uint64_t bytes, std::uint64_t all) { line.show(bytes, all); });
      }
      if (!result.failure.empty()) return {result.failure, false};
      const std::uint64_t bytes = part.size();
      std::string reason = job.put_in_place(part);
      if (reason.empty()) {
        write_line(fmt::format("{}: {}, SHA-256 is right", job.remote, megabytes(bytes)));
        return {};
      }
      part.clear();
      // The earlier bytes may be from another server or of another file.
      if (!result.resumed) return {std::move(reason), true};
      write_line(fmt::format(
          "{}: wrong content after continuing an older part; downloading again from the beginning",
          job.remote));
    }
  }

  [[noreturn]] void report(const Job& job, const std::string& failures, bool wrong) const {
    std::string remedy =
        is_own_mirror_ ? "check the address given with --from, or leave it out"
        : wrong        ? "try again later, or name a mirror that you trust with --from URL"
                       : "run the command again when the network works: the download continues "
                         "where it stopped; or name a mirror with --from URL";
    if (!set_.package.empty())
      remedy += fmt::format("; or install Debian's package: apt-get install {}", set_.package);
    std::string names;
    for (const RemoteFile& file : set_.files) names += (names.empty() ? "" : ", ") + file.name;
    remedy += fmt::format(
        "; or copy {} by hand into {}, or into {}/ of the folder that CONVOY_DATA "
        "names",
        names, folder_.string(), folder_name());
    throw UserError(wrong ? Fault::bad_data : Fault::unavailable,
                    fmt::format("{} {}", job.remote,
                                wrong ? "differs from the published file" : "cannot be fetched"),
                    failures + "\n", remedy);
  }

  // The folder in which the other commands look for the set.
  const std::string& folder_name() const {
    const KnownSet* known = find_known_set(set_.name);
    return known == nullptr ? set_.name : known->folder_name();
  }

  const RemoteSet& set_;
  bool is_own_mirror_;
  std::vector<std::string> mirrors_;
  fs::path folder_;
  DownloadLimits limits_;
};

}  // namespace

int fetch(const FetchOptions& options, const RemoteSet& set) {
  Fetcher(options, set).run();
  return 0;
}

int fetch(const FetchOptions& options) {
  return fetch(options, remote_set(options.name));
}

void add_fetch(CLI::App& app, std::function<int()>& action) {
  CLI::App* command = app.add_subcommand(
      "fetch", "Download a public data set, verify it, and put it where the other commands look");
  const auto options = std::make_shared<FetchOptions>();
  command
      ->add_option("NAME", options->name,
                   "a public data set that 'convoy info' lists, such as mnist")
      ->required();
  command
      ->add_option(
          "--from", options->from,
          "Address of a mirror to use instead of the public servers "
          "(http://NAME:PASSWORD@HOST/ if it needs a password); of the sets of which 'convoy "
          "info NAME' has the SHA-256 of packed files it has to send the same bytes")
      ->type_name("URL");
  command
      ->add_option("--to", options->to,
                   "Folder to put the files into; default: that of the set ('convoy info NAME') in "
                   "the folder of $CONVOY_DATA if that is set, else in ~/.local/share/convoy")
      ->type_name("DIR");
  const DownloadLimits limits;
  command->footer(fmt::format(
      "If a server does not answer within {} s, or sends fewer than {} bytes per second for {} s,\n"
      "the next server is tried. Bytes that arrived are kept, and the next call continues after\n"
      "them.\n\n"
      "Examples:\n  convoy fetch fashion-mnist\n  convoy fetch cifar10 --to data/cifar10",
      limits.connect.count(), limits.slowest, limits.stall.count()));
  command->callback([options, &action] { action = [options] { return fetch(*options); }; });
}

}  // namespace convoy::app
