import CKernels
import TestSupport
import Tensors
import Testing

/// What training its heads needs: every variant against the naive twins, and the wrappers against known results.
@Suite struct TrainingKernelTests {
    @Test(arguments: KernelVariant.all) func adamWStepsAgree(_ variant: KernelVariant) throws {
        for count in oddSizes {
            let gradient = randomValues(count, spread: 0.1)
            let (fast, naive) = try variant.results { table in
                var weights = randomValues(count, stream: 1)
                var (first, second) = ([Float](repeating: 0, count: count), [Float](repeating: 0, count: count))
                for step in 1...5 {
                    var settings = kernel_adamw(
                        learning_rate: 0.01, epsilon: 1e-8, beta1: 0.9, beta2: 0.999, rest1: 0.1, rest2: 0.001,
                        keep: 0.9999, bias_correction1: 1 - Self.power(0.9, step),
                        bias_correction2: 1 - Self.power(0.999, step), gradient_factor: 0.75)
                    table.adamw_step(&weights, gradient, &first, &second, count, &settings)
                }
                return weights + first + second
            }
            #expect(largestDifference(fast, naive) <= Tolerance.kernel, "\(count) weights")
        }
    }

    private static func power(_ base: Float, _ exponent: Int) -> Float {
        (0..<exponent).reduce(1) { product, _ in product * base }
    }

    /// By hand: with constant gradient the corrected moments are g and g^2, so each step moves by the learning rate.
    @Test func adamWMovesByTheLearningRateUnderAConstantGradient() {
        var (weights, first, second): ([Float], [Float], [Float]) = ([1, -1], [0, 0], [0, 0])
        for step in 1...10 {
            adamWStep(
                weights: &weights, gradient: [0.5, -20], firstMoment: &first, secondMoment: &second,
                learningRate: 0.01, weightDecay: 0, step: step)
        }
        #expect(largestDifference(weights, [0.9, -0.9]) <= 1e-5)
        adamWStep(
            weights: &weights, gradient: [0, 0], firstMoment: &first, secondMoment: &second, learningRate: 0,
            weightDecay: 0.5, step: 11)
        #expect(largestDifference(weights, [0.9, -0.9]) <= 1e-5, "without a learning rate there is no decay either")
    }

    @Test func weightDecayIsDecoupledFromTheMoments() {
        var (weights, first, second): ([Float], [Float], [Float]) = ([2], [0], [0])
        adamWStep(
            weights: &weights, gradient: [0], firstMoment: &first, secondMoment: &second, learningRate: 0.1,
            weightDecay: 0.5, step: 1)
        #expect(largestDifference(weights, [1.9]) <= Tolerance.kernel)
        #expect(first == [0] && second == [0])
    }

    @Test(arguments: KernelVariant.all) func crossEntropyAgrees(_ variant: KernelVariant) throws {
        for columns in oddSizes {
            let logits = randomValues(6 * columns, spread: 12)
            let targets = (0..<6).map { $0 == 2 ? Int32(-1) : Int32(($0 * 7) % columns) }
            let (fast, naive) = try variant.results { table in
                var (gradient, losses) = (
                    [Float](repeating: .nan, count: logits.count), [Float](repeating: .nan, count: 6)
                )
                table.softmax_cross_entropy(logits, targets, 6, columns, 0.25, &gradient, &losses)
                return (gradient, losses)
            }
            #expect(largestDifference(fast.0, naive.0) <= Tolerance.kernel, "\(columns) classes")
            #expect(largestDifference(fast.1, naive.1) <= 24 * Tolerance.kernel, "\(columns) classes")
        }
    }

    @Test func crossEntropyGradientIsTheSlopeOfTheLoss() {
        let logits = Matrix(rows: 3, columns: 4, values: randomValues(12))
        let targets: [Int32] = [1, -1, 3]
        var gradient = Matrix(rows: 0, columns: 0)
        let (_, count) = softmaxCrossEntropy(logits: logits, targets: targets, into: &gradient)
        #expect(count == 2)
        for index in 0..<12 {
            func loss(_ step: Float) -> Double {
                var moved = logits
                moved.values[index] += step
                var unused = Matrix(rows: 0, columns: 0)
                return softmaxCrossEntropy(logits: moved, targets: targets, into: &unused).loss
            }
            let slope = Float((loss(0.01) - loss(-0.01)) / 0.02)
            #expect(abs(slope - gradient.values[index]) <= 1e-4, "logit \(index)")
        }
        #expect(gradient.row(1).allSatisfy { $0 == 0 })
    }
}

@Suite struct CounterRandomTests {
    /// The known answers that come with Random123, where Philox was first published.
    @Test(arguments: KernelVariant.all) func philoxGivesItsPublishedWords(_ variant: KernelVariant) throws {
        let cases: [(counter: [UInt32], key: [UInt32], words: [UInt32])] = [
            ([0, 0, 0, 0], [0, 0], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            (
                [0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff], [0xffff_ffff, 0xffff_ffff],
                [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
            ),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
            ),
        ]
        for (counter, key, words) in cases {
            let (fast, naive) = try variant.results { table in
                var address = kernel_random(
                    key: (key[0], key[1]), c1: counter[1], c2: counter[2], c3: counter[3])
                var out = [UInt32](repeating: 0, count: 4)
                table.random_words(&out, 4, UInt64(counter[0]) * 4, &address)
                return out
            }
            #expect(fast == words)
            #expect(naive == words)
        }
    }

    @Test(arguments: KernelVariant.all) func anyPieceOfAStreamIsThatStream(_ variant: KernelVariant) throws {
        for (first, count) in [(0, 1), (1, 5), (3, 16), (6, 700), (255, 257)] {
            let (fast, naive) = try variant.results { table in
                var address = kernel_random(key: (5, 6), c1: 1, c2: 2, c3: 3)
                var words = [UInt32](repeating: 0, count: count)
                var (uniform, mask) = ([Float](repeating: -1, count: count), [Float](repeating: -1, count: count))
                table.random_words(&words, count, UInt64(first), &address)
                table.random_uniform(&uniform, count, UInt64(first), &address)
                table.dropout_mask(&mask, count, UInt64(first), &address, 0.3)
                return (words, uniform, mask)
            }
            #expect(fast.0 == naive.0 && fast.1 == naive.1)
            #expect(largestDifference(fast.2, naive.2) <= Tolerance.kernel)
        }
    }

    @Test func aNumberDependsOnItsWholeAddressAndOnNothingElse() {
        let random = CounterRandom(seed: 1, stream: 2)
        var values = [Float](repeating: 0, count: 40)
        random.fill(&values, step: 3, firstElement: 10)
        for (index, value) in values.enumerated() { #expect(value == random.uniform(step: 3, element: 10 + index)) }
        let others = [
            CounterRandom(seed: 2, stream: 2).word(step: 3, element: 10),
            CounterRandom(seed: 1 << 40 | 1, stream: 2).word(step: 3, element: 10),
            CounterRandom(seed: 1, stream: 3).word(step: 3, element: 10), random.word(step: 4, element: 10),
            random.word(step: 3 | 1 << 40, element: 10), random.word(step: 3, element: 11),
        ]
        #expect(Set(others + [random.word(step: 3, element: 10)]).count == 7)
    }

    @Test func uniformNumbersFillTheirRangeEvenly() {
        var values = [Float](repeating: -1, count: 100_000)
        CounterRandom(seed: 9, stream: 0).fill(&values, step: 0)
        #expect(values.allSatisfy { $0 >= 0 && $0 < 1 })
        var tenths = [Int](repeating: 0, count: 10)
        for value in values { tenths[Int(value * 10)] += 1 }
        // Six standard deviations of a binomial count of 10,000.
        #expect(tenths.allSatisfy { abs($0 - 10_000) < 570 }, "\(tenths)")
    }

    @Test func dropoutKeepsTheMean() {
        var mask = [Float](repeating: -1, count: 100_000)
        CounterRandom(seed: 9, stream: 1).fillDropoutMask(&mask, rate: 0.1, step: 0)
        let dropped = mask.filter { $0 == 0 }.count
        #expect(abs(dropped - 10_000) < 570)
        #expect(mask.allSatisfy { $0 == 0 || abs($0 - 1 / 0.9) < 1e-6 })
        CounterRandom(seed: 9, stream: 1).fillDropoutMask(&mask, rate: 0, step: 0)
        #expect(mask.allSatisfy { $0 == 1 })
    }

    @Test func permutationsHoldEveryIndexOnceAndDiffer() {
        let random = CounterRandom(seed: 4, stream: 4)
        #expect(random.permutation(of: 0, step: 0) == [] && random.permutation(of: 1, step: 0) == [0])
        let (first, second) = (random.permutation(of: 500, step: 0), random.permutation(of: 500, step: 1))
        #expect(first.sorted() == Array(0..<500) && second.sorted() == Array(0..<500))
        #expect(first != second && first == random.permutation(of: 500, step: 0))
        // All six orders of three come about equally often: 1000 each, six standard deviations are 173.
        var counts: [[Int]: Int] = [:]
        for step in 0..<6_000 { counts[random.permutation(of: 3, step: step), default: 0] += 1 }
        #expect(counts.count == 6 && counts.values.allSatisfy { abs($0 - 1_000) < 173 }, "\(counts)")
    }
}
