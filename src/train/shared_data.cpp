// SPDX-License-Identifier: Apache-2.0
#include "train/shared_data.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "parallel/collectives.hpp"

namespace convoy {
namespace {

// What a reader tells the others before they look at its images: an error's fault and words, or
// where the data was found and of which sizes it is.
struct Report {
  std::string fault;  // empty: all well
  std::string words;
  std::string name, folder;
  std::vector<Index> sizes;  // of train, of test: samples, height, width, channels, classes
  std::vector<std::string> train_classes, test_classes;
  std::string train_labels, test_labels;  // the files that hold them
};

std::vector<std::string> texts(std::span<const Index> numbers) {
  std::vector<std::string> all;
  for (const Index number : numbers) all.push_back(std::to_string(number));
  return all;
}

std::vector<Index> numbers(std::span<const std::string> texts) {
  std::vector<Index> all;
  for (const std::string& text : texts) {
    std::from_chars(text.data(), text.data() + text.size(), all.emplace_back());
  }
  return all;
}

std::string encode(const Report& report) {
  const std::vector<std::string> fields{report.fault,
                                        report.words,
                                        report.name,
                                        report.folder,
                                        pack(texts(report.sizes)),
                                        pack(report.train_classes),
                                        pack(report.test_classes),
                                        report.train_labels,
                                        report.test_labels};
  return pack(fields);
}

Report decode(std::string_view text) {
  auto fields = unpack(text);
  fields.resize(9);
  return {fields[0],         fields[1],         fields[2], fields[3], numbers(unpack(fields[4])),
          unpack(fields[5]), unpack(fields[6]), fields[7], fields[8]};
}

void append_sizes(const Dataset& data, std::vector<Index>& sizes) {
  const Shape image = data.image_shape();
  sizes.insert(sizes.end(),
               {data.size(), image.height, image.width, image.channels, data.classes()});
}

Report failed(Fault fault, std::string_view words) {
  Report report;
  report.fault = std::to_string(static_cast<int>(fault));
  report.words = words;
  return report;
}

Report read(std::string_view name_or_folder, TrainAndTest& data) {
  try {
    data = load_data(name_or_folder);
  } catch (const Error& error) {
    return failed(error.fault(), error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return failed(Fault::io, error.what());
  } catch (const std::exception& error) {  // out of memory
    return failed(Fault::unavailable, fmt::format("{} can't be read ({}): free some memory",
                                                  name_or_folder, error.what()));
  }
  Report report;
  report.name = data.name;
  report.folder = data.folder.native();
  append_sizes(data.train, report.sizes);
  append_sizes(data.test, report.sizes);
  report.train_classes = data.train.class_names();
  report.test_classes = data.test.class_names();
  report.train_labels = data.train.label_file().native();
  report.test_labels = data.test.label_file().native();
  return report;
}

// "rank 2 of 6, which reads for ranks 2 to 4,", "ranks 0 and 2 of 3".
std::string in_words(std::span<const Range> nodes, int ranks) {
  const Range first = nodes.front();
  if (nodes.size() == 1) {
    return first.size() == 1 ? fmt::format("rank {} of {}", first.begin, ranks)
                             : fmt::format("rank {} of {}, which reads for ranks {} to {},",
                                           first.begin, ranks, first.begin, first.end - 1);
  }
  std::vector<Index> readers;
  for (const Range& node : nodes.first(nodes.size() - 1)) readers.push_back(node.begin);
  return fmt::format("ranks {} and {} of {}", fmt::join(readers, ", "), nodes.back().begin, ranks);
}

// `reports`: of each node.
void throw_where_failed(const Communicator& communicator, std::span<const Report> reports) {
  const auto bad = std::ranges::find_if(reports, [](const Report& r) { return !r.fault.empty(); });
  if (bad == reports.end()) return;
  const auto fault = static_cast<Fault>(numbers({&bad->fault, 1})[0]);
  if (std::ranges::all_of(reports, [&](const Report& r) { return r.words == bad->words; })) {
    throw SharedError(fault, bad->words);
  }
  std::vector<Range> readers;
  for (std::size_t node = 0; node < reports.size(); ++node) {
    if (!reports[node].fault.empty()) readers.push_back(communicator.nodes()[node]);
  }
  throw SharedError(fault, fmt::format("{} can't read data that others can: {}",
                                       in_words(readers, communicator.size()), bad->words));
}

// The images of a part in memory of the node, put there by its first rank, whose own copy ends.
class SharedPart {
 public:
  SharedPart(Communicator& communicator, std::span<const Index> sizes,
             std::vector<std::string> class_names, std::string label_file)
      : image_{sizes[1], sizes[2], sizes[3]},
        pixels_(sizes[0] * image_.size()),
        labels_(sizes[0]),
        classes_(sizes[4]),
        class_names_(std::move(class_names)),
        label_file_(std::move(label_file)),
        block_(allocate<std::uint8_t>(communicator, pixels_ + labels_)) {}

  void fill(Dataset& data) {
    std::ranges::copy(data.pixels(), block_.get());
    std::ranges::copy(data.labels(), block_.get() + pixels_);
    data = Dataset();
  }

  Dataset view() const {
    const std::span<const std::uint8_t> pixels{block_.get(), static_cast<std::size_t>(pixels_)};
    const std::span<const Label> labels{block_.get() + pixels_, static_cast<std::size_t>(labels_)};
    Dataset data(image_, pixels, labels, classes_, block_);
    data.set_class_names(class_names_);
    data.set_label_file(label_file_);
    return data;
  }

 private:
  Shape image_;
  Index pixels_, labels_, classes_;
  std::vector<std::string> class_names_;
  std::string label_file_;
  std::shared_ptr<std::uint8_t[]> block_;
};

}  // namespace

TrainAndTest load_data(Communicator& communicator, std::string_view name_or_folder) {
  if (communicator.size() == 1) return load_data(name_or_folder);
  TrainAndTest data;
  const bool reads = leads_node(communicator);
  const Report mine = reads ? read(name_or_folder, data) : Report();
  communicator.pulse();
  const auto told = all_gather(communicator, reads ? encode(mine) : "", Meeting::start);
  std::vector<Report> reports;
  for (const Range& ranks : communicator.nodes()) {
    reports.push_back(decode(told[static_cast<std::size_t>(ranks.begin)]));
  }
  throw_where_failed(communicator, reports);
  if (node_ranks(communicator).size() == 1) return data;  // its own copy is the node's

  const Report& found = reports[static_cast<std::size_t>(node_index(communicator))];
  const std::span<const Index> sizes = found.sizes;
  SharedPart train(communicator, sizes.first(5), found.train_classes, found.train_labels);
  if (reads) train.fill(data.train);
  SharedPart test(communicator, sizes.subspan(5), found.test_classes, found.test_labels);
  if (reads) test.fill(data.test);
  communicator.meet(Meeting::start);
  return {found.name, found.folder, train.view(), test.view()};
}

std::string shared_sha256(Communicator& communicator, const Dataset& data) {
  const std::string mine = leads_node(communicator) ? data.sha256() : "";
  const auto all = all_gather(communicator, mine, Meeting::start);
  return all[static_cast<std::size_t>(node_ranks(communicator).begin)];
}

}  // namespace convoy
