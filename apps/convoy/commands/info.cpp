// SPDX-License-Identifier: Apache-2.0
// convoy info: describes a model or a data set, and what this machine and build have.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>

#include "cli/exit_codes.hpp"
#include "cli/help.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "commands/commands.hpp"
#include "commands/data_facts.hpp"
#include "commands/known_data.hpp"
#include "commands/missing_code.hpp"
#include "commands/no_model.hpp"
#include "report/metrics.hpp"
#include "survey/array_keys.hpp"
#include "survey/contact_sheet.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;

struct InfoOptions {
  std::string model;
  std::vector<std::string> set;
  std::optional<Index> batch;
  std::string data, sheet;
  std::string names;
  bool json = false;
};

std::string text(const Extent& extent) {
  return extent.height == extent.width ? fmt::format("{0}x{0}", extent.height)
                                       : fmt::format("{}x{}", extent.height, extent.width);
}

// As a model file has it: "2" for a square.
std::string value_text(const Extent& extent) {
  return extent.height == extent.width ? fmt::format("{}", extent.height) : text(extent);
}
std::string value_text(const auto& number) {
  return fmt::format("{}", number);
}

// The settings of an operation: those that a model file has to give, then those that are not the
// usual ones: "6 filters 5x5, padding 2".
class Describe {
 public:
  template <class OpType>
  std::string operator()(const OpType& op) const {
    std::string all;
    OpTraits<OpType>::visit_keys(
        op, [&](std::string_view key, const auto& field, const auto& usual,
                const auto&... /*limits*/) { append(all, key, field, usual); });
    return all;
  }

 private:
  static void append(std::string& all, std::string_view /*key*/, const Extent& field,
                     const Required& /*usual*/) {
    all += fmt::format("{}{}", all.empty() ? "" : " ", text(field));
  }
  static void append(std::string& all, std::string_view key, const auto& field,
                     const Required& /*usual*/) {
    all += fmt::format("{}{} {}", all.empty() ? "" : " ", field, key);
  }
  template <class Field>
  static void append(std::string& all, std::string_view key, const Field& field,
                     const std::type_identity_t<Field>& usual) {
    if (field == usual) return;
    all += fmt::format("{}{} {}", all.empty() ? "" : ", ", key, value_text(field));
  }
};

// The row of a layer in the table.
struct LayerFacts {
  std::string name, type, details;
  Shape output;
  Index parameters = 0;
  Index forward_flops = 0, input_gradient_flops = 0, weight_gradient_flops = 0;  // per sample
};

std::vector<LayerFacts> layer_facts(const Net& net) {
  std::vector<LayerFacts> facts;
  for (int i = 0; const Layer& layer : net.layers()) {
    facts.push_back({layer.name, std::string(type_name(layer.op)), std::visit(Describe{}, layer.op),
                     output_shape(layer.op), parameter_shape(layer.op).size(),
                     forward_flops(layer.op),
                     net.needs_input_gradient(i) ? input_gradient_flops(layer.op) : 0,
                     weight_gradient_flops(layer.op)});
    ++i;
  }
  return facts;
}

struct Work {
  Index batch = 0, grain = 0;
  Index workers() const { return (batch + grain - 1) / grain; }
};

// The settings of training as the model file's tables with all defaults, indented.
std::string text_of_settings(const ModelFile& model) {
  std::string text;
  for (std::size_t at = model.text.find("\n[train]\n") + 1; at < model.text.size();) {
    const std::size_t end = std::min(model.text.find('\n', at), model.text.size());
    const std::string line = printable(model.text.substr(at, end - at));
    text += line.empty() ? "\n" : fmt::format("  {}\n", line);
    at = end + 1;
  }
  return text;
}

std::string text_of_loss(const Loss& loss) {
  std::string text{to_string(loss.function)};
  if (loss.label_smoothing > 0) text += fmt::format(" (label smoothing {})", loss.label_smoothing);
  return text;
}

std::string text_of_model(const ModelFile& model, const Work& work) {
  const Net& net = model.net;
  std::vector<std::vector<std::string>> rows{
      {"layer", "type", "", "output", "parameters", "forward", "input grad", "weight grad"}};
  LayerFacts sum;
  for (const LayerFacts& layer : layer_facts(net)) {
    rows.push_back({layer.name, layer.type, layer.details, to_string(layer.output),
                    with_commas(layer.parameters), with_commas(layer.forward_flops),
                    with_commas(layer.input_gradient_flops),
                    with_commas(layer.weight_gradient_flops)});
    sum.forward_flops += layer.forward_flops;
    sum.input_gradient_flops += layer.input_gradient_flops;
    sum.weight_gradient_flops += layer.weight_gradient_flops;
  }
  rows.push_back({"all", "", "", "", with_commas(net.parameter_count()),
                  with_commas(sum.forward_flops), with_commas(sum.input_gradient_flops),
                  with_commas(sum.weight_gradient_flops)});
  const Index flops = net.flops_per_sample();
  return fmt::format(
      "{}: input {}, loss {}, arithmetic {}\n\n{}\n"
      "The three right-hand columns are FLOPs per sample. Training takes {} per sample and\n"
      "{} per step of {}; predicting takes {} per sample.\n"
      "A batch of {} in grains of {} has work for up to {} {} (data parallel).\n{}\n"
      "Trained with:\n\n{}",
      net.name(), to_string(net.input()), text_of_loss(net.loss()), to_string(model.arithmetic),
      aligned(rows, {false, false, false, false, true, true, true, true}), with_commas(flops),
      with_commas(flops * work.batch), work.batch, with_commas(sum.forward_flops), work.batch,
      work.grain, work.workers(), work.workers() == 1 ? "worker" : "workers",
      missing_code(net, backends().front()->implements, runs_on_cuda), text_of_settings(model));
}

Json json_of_model(const ModelFile& model, const Work& work) {
  const Net& net = model.net;
  auto shape = [](const Shape& s) { return Json::array({s.height, s.width, s.channels}); };
  Json layers = Json::array();
  for (const LayerFacts& layer : layer_facts(net)) {
    layers.push_back({{"name", layer.name},
                      {"type", layer.type},
                      {"output", shape(layer.output)},
                      {"parameters", layer.parameters},
                      {"forward_flops", layer.forward_flops},
                      {"input_gradient_flops", layer.input_gradient_flops},
                      {"weight_gradient_flops", layer.weight_gradient_flops}});
  }
  return {{"name", net.name()},
          {"input", shape(net.input())},
          {"loss", to_string(net.loss().function)},
          {"label_smoothing", net.loss().label_smoothing},
          {"arithmetic", to_string(model.arithmetic)},
          {"classes", net.loss().classes},
          {"layers", std::move(layers)},
          {"parameters", net.parameter_count()},
          {"flops_per_sample", net.flops_per_sample()},
          {"batch", work.batch},
          {"grain", work.grain},
          {"useful_workers", work.workers()},
          {"settings", to_json(model.train)}};
}

// The values that --device can have here, the fastest first.
std::vector<std::string> devices() {
  return cuda_devices().empty() ? std::vector<std::string>{"cpu"}
                                : std::vector<std::string>{"cuda", "cpu"};
}

// "NVIDIA H200, compute capability 9.0, 132 multiprocessors, 141.0 GB"
std::string described(const CudaDevice& gpu) {
  return fmt::format("{}, compute capability {}, {} multiprocessors, {}", gpu.name,
                     compute_capability(gpu), gpu.multiprocessors,
                     as_bytes(static_cast<double>(gpu.memory_bytes)));
}

using Row = std::vector<std::string>;

// One row for each GPU, or a row that says that there is none; and a row for the library.
std::vector<Row> gpu_rows() {
  std::vector<Row> rows;
  for (const CudaDevice& gpu : cuda_devices()) {
    rows.push_back({rows.empty() ? "  GPUs" : "", described(gpu)});
  }
  if (rows.empty()) rows.push_back({"  GPUs", "none"});
  const std::string library = cuda_library();
  rows.push_back({"  GPU library", library.empty() ? "none: built without CUDA" : library});
  return rows;
}

std::string text_of_surroundings() {
  std::vector<std::vector<std::string>> models, data;
  for (const ModelEntry& model : known_models()) {
    models.push_back({"  " + model.name, model.path.string()});
  }
  if (models.empty()) {
    models.push_back({"  none", "set CONVOY_MODELS to the folder with the models"});
  }
  for (const CatalogEntry& entry : catalog())
    data.push_back({"  " + entry.name, entry.description, where_it_is(entry)});
  const MachineFacts facts = machine_facts();
  std::vector<Row> machine{
      {"  processor", facts.cpu},
      {"  cores", fmt::format("{} usable of {}", facts.usable_cores, facts.cores)},
      {"  memory", as_bytes(static_cast<double>(facts.memory_bytes))},
      {"  instruction sets", fmt::format("{}", fmt::join(available_isas(), ", "))},
      {"  devices", fmt::format("{}", fmt::join(devices(), ", "))}};
  for (Row& row : gpu_rows()) machine.push_back(std::move(row));
  machine.insert(machine.end(),
                 {Row{"  ranks", mpi_library().empty() ? "none: built without MPI" : mpi_library()},
                  Row{"  system", facts.system}, Row{"  compiler", facts.compiler},
                  Row{"  version", std::string(kVersion)}});
  return fmt::format("Models\n{}\nData sets\n{}\nMachine\n{}", aligned(models, {false, false}),
                     aligned(data, {false, false, false}), aligned(machine, {false, false}));
}

Json json_of_surroundings() {
  Json json{{"models", Json::array()}, {"data", Json::array()}};
  for (const ModelEntry& model : known_models()) {
    json["models"].push_back({{"name", model.name}, {"path", model.path.string()}});
  }
  for (const CatalogEntry& entry : catalog()) json["data"].push_back(json_of(entry));
  json["machine"] = to_json(machine_facts());
  json["isas"] = available_isas();
  json["devices"] = devices();
  json["gpus"] = Json::array();
  for (const CudaDevice& gpu : cuda_devices()) json["gpus"].push_back(to_json(gpu));
  json["cuda"] = cuda_library().empty() ? Json(nullptr) : Json(cuda_library());
  json["mpi"] = mpi_library().empty() ? Json(nullptr) : Json(mpi_library());
  return json;
}

// For the shell's completion: one name per line.
std::string names(const std::string& kind) {
  std::vector<std::string> list;
  if (kind == "models") {
    for (const ModelEntry& model : known_models()) list.push_back(model.name);
  } else if (kind == "data" || kind == "fetch") {
    for (const CatalogEntry& entry : catalog())
      if (kind == "data" || entry.can_be_fetched) list.push_back(entry.name);
  } else {
    list = available_isas();
    list.insert(list.begin(), "auto");
  }
  return fmt::format("{}\n", fmt::join(list, "\n"));
}

// Checks that the file may become the sheet, before images are read.
void check_sheet(const fs::path& sheet, const fs::path& data) {
  std::string ending = sheet.extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return std::tolower(c); });
  if (ending != ".png")
    throw UserError(Fault::usage, fmt::format("--sheet {} is no name of a PNG", sheet.string()),
                    "the sheet is one", "let the name end with .png");
  std::error_code error;
  if (fs::exists(fs::symlink_status(sheet, error)))
    throw UserError(Fault::usage, fmt::format("--sheet {} exists", sheet.string()),
                    "it might be one of the pictures", "remove it, or give another name");
  const fs::path target = fs::weakly_canonical(fs::absolute(sheet, error), error);
  const fs::path folder = fs::canonical(data, error);  // an error: the name of a data set
  const fs::path inside = error ? fs::path() : target.lexically_relative(folder);
  if (!inside.empty() && *inside.begin() != ".." && fs::is_directory(folder, error))
    throw UserError(Fault::usage, fmt::format("--sheet {} lies in the data", sheet.string()),
                    "it would be read as one of the pictures, or replace one",
                    "write it to another folder");
  check_writable(sheet);
}

// Of the data set that --data gives, not of the catalog.
int info_of_data(const InfoOptions& options) {
  if (!options.model.empty() || options.batch)
    throw UserError(Fault::usage, "--data takes no MODEL and no --batch",
                    "it shows what a data set looks like", "for example: convoy info --data mnist");
  if (!options.sheet.empty()) check_sheet(options.sheet, options.data);
  const PictureData data(options.data, array_keys(options.set));
  const Survey survey = survey_with_progress(data);
  if (!options.sheet.empty()) save_file(options.sheet, contact_sheet(data));
  if (!options.json) {
    write_stdout(text_of(data, survey));
    return kDone;
  }
  Json json{{"schema", "convoy.info/2"}, {"version", kVersion}};
  json["data_set"] = json_of(data, survey);
  json.update(json_of_surroundings());
  write_json(json);
  return kDone;
}

int info(const InfoOptions& options) {
  if (!options.names.empty()) {
    write_stdout(names(options.names));
    return kDone;
  }
  if (!options.data.empty()) return info_of_data(options);
  if (!options.sheet.empty())
    throw UserError(Fault::usage, "--sheet needs --data", "it shows images of a data set",
                    "for example: convoy info --data mnist --sheet mnist.png");
  std::optional<ModelFile> model;
  Work work;
  const std::optional<CatalogEntry> data = find_data_set(options.model);
  if (!options.model.empty() && !data) {
    check_is_model(options.model);
    model = load_model_file(options.model, options.set);
    work = {options.batch.value_or(model->train.batch), model->train.grain};
  } else if (options.batch) {
    throw UserError(Fault::usage, "--batch needs a MODEL", "it shows how a model's work is divided",
                    "name one, for example: convoy info lenet5 --batch 64");
  } else if (!options.set.empty()) {
    throw UserError(Fault::usage, "--set needs a MODEL", "it overrides a key of its file",
                    "name one, for example: convoy info lenet5 --set layer.conv1.filters=12");
  }
  if (!options.json) {
    write_stdout(model  ? text_of_model(*model, work)
                 : data ? text_of(*data)
                        : text_of_surroundings());
    return kDone;
  }
  Json json{{"schema", "convoy.info/2"}, {"version", kVersion}};
  if (model) json["model"] = json_of_model(*model, work);
  json.update(json_of_surroundings());
  write_json(json);
  return kDone;
}

}  // namespace

void add_info(CLI::App& app, std::function<int()>& action) {
  CLI::App* command = app.add_subcommand(
      "info",
      "Show a model's layers and work, a data set's facts, or all models and data sets and this "
      "machine");
  auto options = std::make_shared<InfoOptions>();
  command->add_option(
      "MODEL", options->model,
      "A model's name or a .toml file, or a data set's name; default: list models, data sets and "
      "the machine");
  command->add_option("--batch", options->batch, "Show the work of a batch of N samples")
      ->check(whole_number(1))
      ->type_name("N");
  command
      ->add_option(
          "--set", options->set,
          "Override any key of the model file, as 'convoy train' does; repeatable. With --data: "
          "input.transpose and input.first_label, which say how arrays are stored")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command
      ->add_option("--data", options->data,
                   "Read a data set, and show its classes, counts and sizes, and the mean and "
                   "standard deviation of its channels")
      ->type_name("NAME|DIR|FILE")
      ->group(kDataGroup);
  command
      ->add_option("--sheet", options->sheet,
                   "Write a PNG with ten images of each class, a row for each")
      ->type_name("FILE")
      ->group(kDataGroup);
  command->add_flag("--json", options->json, "Print one JSON document on stdout")
      ->group(kOutputGroup);
  command->add_option("--names", options->names, "")
      ->check(one_of({"models", "data", "fetch", "isas"}))
      ->group("");  // only for the completion, not in the help
  command->footer(
      "Examples:\n  convoy info\n  convoy info lenet5 --batch 256\n  convoy info kmnist\n"
      "  convoy info --data pets --sheet pets.png\n"
      "  convoy info lenet5 --set layer.conv1.filters=12");
  command->callback([options, &action] { action = [options] { return info(*options); }; });
}

}  // namespace convoy::app
