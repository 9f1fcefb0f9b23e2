// SPDX-License-Identifier: Apache-2.0
// The reductions over the batch at the end of a phase (plan/plan.hpp): the statistics of batch
// normalisations (ops/batch_norm2d.hpp), along the canonical tree over the grains of all ranks.
//
//   each worker group   computes the values of its grains and merges siblings: slot(), push()
//   worker 0            finish(): merges the subtrees of all worker groups and ranks, and computes
//   of each rank        the coefficients, running statistics and gradients from them
//
// The values are few (two for each channel), so every rank computes all results itself. Ranks that
// share memory read each other's subtrees. Between memory domains the first rank of each sends the
// subtrees of its domain to all others: one message to each for every reduction.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "ops/backend.hpp"
#include "parallel/communicator.hpp"
#include "parallel/reduction_tree.hpp"
#include "plan/plan.hpp"
#include "runtime/engine.hpp"
#include "runtime/grain_list.hpp"

namespace convoy {

// The members of the worker groups call slot() and push() at the same time, each for its channels;
// everything else belongs to worker 0, while all others wait.
class BatchStatistics {
 public:
  // Collective. `groups`: worker groups of this rank. Keeps references to plan and communicator.
  BatchStatistics(Communicator& communicator, const EngineOptions& options, const Plan& plan,
                  int groups);

  // The bytes that it allocates for each rank. `ranks`, `domains`: among which the grains of a
  // batch are divided; 1 for tensor-parallel ranks.
  static Index bytes(const Plan& plan, Index grain, Index batch, int ranks, int domains,
                     int groups);

  // A counter for the grains that a member of a worker group pushes in one phase.
  tree::GroupedCounter counter(Index reduction, Index grains) const {
    return tree::GroupedCounter(grains, group_grains(reduction));
  }
  // Where the member writes the values [2][channels] of its next grain.
  double* slot(int group, Index reduction, const tree::GroupedCounter& counter) const;
  // Pushes that grain, and merges the values of siblings, of some channels.
  void push(int group, Index reduction, Range grain, Range channels, const GrainList& list,
            tree::GroupedCounter& counter) const;

  // Collective; worker 0 alone calls it after all members of all groups have pushed their grains of
  // this phase. Subtrees are merged left + right, and groups of samples are taken in order. `now`
  // and `next`: the arenas of the parameters that the step reads and writes; the running statistics
  // are written to `next`, unless it is null.
  void finish(const Phase& phase, const GrainList& list, const float* now, float* next);

  // The coefficients of all operations, for each Plan::group_samples() of the batch. Other workers
  // read them after the barrier that follows finish().
  const float* coefficients() const { return coefficients_.data(); }
  // The gradient of a parameter block, over all samples [rows][columns]; null where it is a sum of
  // the weight gradients of grains instead.
  const float* gradient(const ParameterBlock& block) const;
  // Whether the running statistics of the step are finite.
  bool finite() const { return finite_; }

  // For a rank whose GPU computes the values: where those of its subtrees belong, one after the
  // other.
  double* values(Index reduction) { return values(local_rank(), 0, reduction); }

 private:
  // The values of the subtrees that consecutive grains form.
  struct Values {
    Range grains;
    const double* at = nullptr;  // [subtree][2][channels]
  };

  Index local_rank() const { return communicator_.rank() - domain_.begin; }
  const BatchNorm2d& norm(Index reduction) const;
  Index doubles(Index reduction) const { return 2 * norm(reduction).in.channels; }
  Index group_grains(Index reduction) const { return norm(reduction).group / grain_; }
  Range grains_of_group(Index reduction, Index group, Index grains) const;
  // How many values of a channel these grains have.
  double value_count(Index reduction, Range grains, const GrainList& list) const;
  double* values(Index local_rank, int group, Index reduction) const;
  double* values_of_domain(std::size_t domain, Index reduction) const;
  Range grains_of_domain(std::size_t domain, Index grains) const;
  std::span<const Values> of_groups(Index reduction, Index grains);
  std::span<const Values> of_domains(Index reduction, Index grains);
  void merge_pair(Index reduction, Range left_grains, Range right_grains, Range channels,
                  const GrainList& list, double* left) const;
  Index merge(Index reduction, std::span<const Values> sources, const GrainList& list,
              double* merged) const;
  void exchange(const Phase& phase, const GrainList& list);
  void finish_forward(Index reduction, Index groups, const GrainList& list, const float* now,
                      float* next);
  void finish_backward(Index reduction, Index groups, const GrainList& list);
  template <class Write>
  void write_coefficients(Index reduction, Index group, const Write& write);

  Communicator& communicator_;
  const Plan& plan_;
  const Index grain_;
  const bool tensor_ranks_;
  const Range domain_;                  // ranks
  std::vector<int> groups_;             // worker groups of each rank
  std::vector<Index> first_value_;      // of each reduction, in the values of a worker group
  Index values_of_group_ = 0;           // doubles
  std::shared_ptr<double[]> values_;    // [rank of the domain][group][reduction][subtree][2][C]
  std::vector<Index> first_of_domain_;  // of each reduction, in the values of a memory domain
  Index values_of_domain_ = 0;
  std::shared_ptr<double[]> domain_values_;  // [domain][reduction][subtree][2][C]
  std::vector<Values> sources_;              // of a reduction
  std::vector<double> merged_;               // of a reduction: [group of samples][2][C]
  Index coefficient_sets_ = 1;
  Buffer<float> coefficients_;                             // [set][Plan::coefficients_size()]
  std::vector<std::vector<ForwardCoefficients>> forward_;  // by layer: [group of samples][C]
  std::vector<std::vector<float>> gradients_;              // by layer: its parameter block
  bool finite_ = true;
  std::vector<Outgoing> out_;
  std::vector<Incoming> in_;
};

}  // namespace convoy
