import Annotations
import Model
import TestSupport
import Testing

@Suite struct PlanSearchTests {
    private typealias Place = PrecisionPlan.Place

    private struct Run {
        var finding: PlanSearch.Finding?
        var judged: [PrecisionPlan] = []
        var probes = 0
    }

    /// Runs a search in a made-up encoder: each product in int8 takes its damage from the cosine.
    private func search(
        _ precision: Precision = .int8, layers: Int = 6, damages: [Place: Double], tuning: Double = 1
    ) -> Run {
        func cosine(_ plan: PrecisionPlan) -> Double {
            1 - damages.reduce(0) { $0 + (plan[$1.key.layer, $1.key.product] == .int8 ? $1.value : 0) }
        }
        var run = Run()
        var search = PlanSearch(precision, layers: layers, thresholds: AgreementThresholds(cosineP1: 0.99))
        while run.finding == nil {
            switch search.step {
            case .judge(let plan):
                run.judged.append(plan)
                let value = cosine(plan)
                search.judged(Agreement(segments: 99, cosineMean: value, cosineP1: value, labels: nil, entities: nil))
            case .probe(let plan):
                run.probes += 1
                // A product alone, the others in fp32.
                #expect(plan.precision == .fp32 && plan.exceptions.count == 1)
                search.probed(1 - cosine(plan))
            case .finished(let finding): run.finding = finding
            }
        }
        return run
    }

    @Test func aPrecisionThatAgreesIsUsedAsItIs() throws {
        let run = search(damages: [:])
        #expect(run.finding?.plan == PrecisionPlan(.int8) && run.finding?.refusal == nil)
        #expect(run.judged.count == 1 && run.probes == 0)
    }

    @Test("as few products as suffice are kept in bf16, the worst", arguments: 1...8)
    func mixed(spoilt: Int) throws {
        var damages: [Place: Double] = [:]
        for layer in 0..<6 {
            for product in PrecisionPlan.Product.allCases {
                damages[Place(layer: layer, product: product)] = 0.0001
            }
        }
        let bad = damages.keys.sorted().suffix(spoilt)
        for place in bad { damages[place] = 0.02 }
        let run = search(damages: damages)
        let plan = try #require(run.finding?.plan)
        #expect(run.finding?.refusal == nil)
        #expect(Set(plan.exceptions.keys) == Set(bad) && Set(plan.exceptions.values) == [.bf16])
        #expect(PrecisionPlan(plan.description) == plan)
        #expect(run.probes == 24)
        // All in int8, the most that is allowed, and three halvings.
        #expect(run.judged.count <= 5)
        // The figures are those of the plan.
        #expect(try #require(run.finding).agreement.cosineP1 > 0.99)
    }

    @Test("more than a third is refused, with the figures of int8 itself")
    func refused() throws {
        var damages: [Place: Double] = [:]
        for layer in 0..<6 {
            for product in PrecisionPlan.Product.allCases where product != .output {
                damages[Place(layer: layer, product: product)] = 0.02
            }
        }
        let run = search(damages: damages)
        let finding = try #require(run.finding)
        #expect(finding.plan == PrecisionPlan(.int8))
        #expect(abs(finding.agreement.cosineP1 - 0.64) < 1e-9)
        let refusal = try #require(finding.refusal)
        #expect(refusal.contains("0.64 is below 0.99") && refusal.contains("8 of 24") && refusal.contains("0.8"))
        // One look at the most that is allowed is enough.
        #expect(run.judged.count == 2)
    }

    @Test("products that spoil alike are kept in their order, so that every machine finds the same plan")
    func ties() throws {
        let places = PrecisionPlan.Product.allCases.map { Place(layer: 0, product: $0) }
        let run = search(layers: 1, damages: Dictionary(uniqueKeysWithValues: places.map { ($0, 0.003) }))
        #expect(run.finding?.plan.description == "int8 0.qkv=bf16")
    }

    @Test("bf16 is used as it is or not at all, and what overflows is the worst")
    func others() {
        var search = PlanSearch(.bf16, layers: 6, thresholds: AgreementThresholds())
        search.judged(Agreement(segments: 99, cosineMean: 0, cosineP1: 0, labels: nil, entities: nil))
        guard case .finished(let finding) = search.step else {
            Issue.record("\(search.step)")
            return
        }
        #expect(finding.refusal != nil && finding.plan == PrecisionPlan(.bf16))
        let run = self.search(damages: [Place(layer: 3, product: .intermediate): .infinity])
        #expect(run.finding?.plan.description == "int8 3.up=bf16")
    }

    // MARK: - With an encoder

    /// Compares the tiny model's precisions with fp32 on some prose.
    private func certify(_ model: TinyModel, _ precision: Precision) throws -> PlanSearch.Finding {
        let bundle = try TestBundle.make(model)
        let requests = (0..<40).map { AnnotationRequest(text: TestBundle.prose(words: 5 + $0 % 20, seed: UInt64($0))) }
        var workspace = AnnotatorWorkspace()
        func read(_ plan: PrecisionPlan) throws -> [Result<DocumentAnnotation, Fault>] {
            let bundle = try ModelBundle(backbone: bundle.backbone.computing(in: plan), heads: bundle.heads)
            return try Annotator(bundle: bundle).annotate(requests, workspace: &workspace)
        }
        func features(_ plan: PrecisionPlan) throws -> [DocumentFeatures] {
            try FeatureExtractor(backbone: bundle.backbone.computing(in: plan)).features(
                of: requests, wantsWords: true, workspace: &workspace)
        }
        let reference = try read(.fp32)
        let expected = try features(.fp32)
        // The heads are random: nearly every answer is a narrow one.
        var search = PlanSearch(
            precision, layers: model.layers, thresholds: AgreementThresholds(cosineP1: 0.97, labels: 0.7, entities: 0.5)
        )
        while true {
            switch search.step {
            case .judge(let plan): search.judged(Agreement(of: try read(plan), with: reference, heads: bundle.heads))
            case .probe(let plan):
                search.probed(DocumentFeatures.distance(of: try features(plan), from: expected))
            case .finished(let finding): return finding
            }
        }
    }

    @Test(arguments: [Precision.bf16, .int8])
    func aHarmlessModelIsCertified(precision: Precision) throws {
        let finding = try certify(TestBundle.model, precision)
        #expect(finding.refusal == nil, "\(finding)")
        #expect(finding.plan == PrecisionPlan(precision))
        #expect(finding.agreement.segments == 40)
    }

    @Test("a product with an outlier in every row stays in bf16; more than a third of them refuse int8")
    func outliers() throws {
        var model = TestBundle.model
        model.outliers = ["1.down"]
        let mixed = try certify(model, .int8)
        #expect(mixed.refusal == nil, "\(mixed)")
        #expect(mixed.plan.description == "int8 1.down=bf16")
        model.outliers = ["0.down", "1.down", "0.attended", "1.attended"]
        #expect(try certify(model, .int8).refusal?.contains("2 of 8 products") == true)
        #expect(try certify(model, .bf16).refusal == nil)
    }
}
