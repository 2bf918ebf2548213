import Testing
import Tokenization

@Suite struct SentenceSplitterTests {
    /// A sentence a string; between them `|` stands for a boundary. The text is what remains without the bars.
    @Test(
        arguments: [
            ("nothing ends", "No terminator at all"),
            ("English", "Hello world.| How are you?| Fine!| \"Really?\" he asked.| \"Go.\"| Then they left."),
            (
                "titles, numbers",
                "Mr. Smith met Dr. Jones at 3.14 p.m. in Washington.| They left at No. 5.| I said no.| Then I left."
            ),
            (
                "initials, companies",
                "He works for Acme Inc. and lives in the U.S. with J. R. Tolkien.| I left the U.S.| The end."
            ),
            ("addresses", "See https://example.com/a.b?c=d!e.| Node.js v1.2.3 is out.| Mail a.b@c.de now!"),
            ("brackets, notes", "He said (see p. 5).| Then (it ended.)| And so on.[12]| Next."),
            ("ellipses", "Wait... what?| No...| Yes.| Well… maybe.| So…| Yes"),
            ("spaced terminators", "wow ! ! !| great movie .| loved it . . ."),
            ("small letters", "i like it.| it is good.| mr. smith agrees e.g. here."),
            (
                "a small letter behind a long word",
                "I love this phone.| its battery holds for approx. five hours.| St. Pauli"
            ),
            ("a list", "1. First item\n|2. Second item.| Good."),
            ("lines", "A line\n|Another line\r\nthat goes on\r\n\r\n|even here\u{2029}|x"),
            (
                "German",
                "Er kam am 3. Mai z. B. nach Berlin.| Das war gut.| Hr. Dr. Müller, Nr. 5, bzw. 6 usw.| Der 2. Weltkrieg war 1945."
            ),
            ("French", "Il pleut.| « Oui ! » dit-il.| M. Dupont, p.ex., et Mme. Martin.| Voilà !| Bien"),
            ("Spanish", "¿Cómo estás?| ¡Bien!| El Sr. García llegó con la Sra. Ruiz a la pág. 5."),
            ("Italian", "Il sig. Rossi è qui.| Il dott. Bianchi no.| Perché?"),
            ("Portuguese", "O Dr. Silva chegou.| Tudo bem?| Sim!"),
            ("Dutch", "Dhr. Jansen komt o.a. morgen.| Mooi zo."),
            ("Polish", "To jest np. pies.| Ul. Długa jest tam.| Tak!"),
            ("Czech", "To je např. pes.| Bydlí v 2. patře.| Ano."),
            ("Hungarian", "Budapest, 1848. március 15.| Petőfi itt volt."),
            ("Romanian", "Dl. Popescu a venit.| Bine."),
            ("Turkish", "Bugün 3. sınıf geldi.| Prof. Dr. Yılmaz geldi.| Tamam mı?| Evet!"),
            ("Russian", "— Куда ты? — спросил он.| В 1990 г. в Москве, на ул. Ленина.| Им. А. С. Пушкина."),
            ("Ukrainian", "Див. стор. 5.| Він живе на вул. Шевченка.| Так!"),
            ("Greek", "Γεια σου.| Τι κάνεις\u{37E}| Καλά, π.χ. εδώ."),
            ("Georgian", "გამარჯობა.| როგორ ხარ?| კარგად."),
            ("Armenian", "Բարեւ։| Ինչպե՞ս ես։| Լավ։"),
            ("Hebrew", "שלום.| מה שלומך?| טוב!"),
            ("Arabic", "هل أنت بخير؟| نعم، أنا بخير.| شكرا!"),
            ("Persian", "حال شما چطور است؟| خوبم."),
            ("Urdu", "میں ٹھیک ہوں۔| آپ کیسے ہیں؟"),
            ("Hindi", "मैं घर जा रहा हूँ।| तुम कहाँ हो?| डॉ. शर्मा आए।"),
            ("Bengali", "আমি ভালো আছি।| তুমি কেমন আছো?"),
            ("Tamil", "நான் நலம்.| நீங்கள் எப்படி?"),
            ("Burmese", "မင်္ဂလာပါ။| နေကောင်းလား။"),
            ("Khmer", "សួស្តី។| សុខសប្បាយ"),
            ("Tibetan", "བཀྲ་ཤིས།| བདེ་ལེགས།"),
            ("Amharic", "ሰላም።| እንዴት ነህ፧| ደህና።"),
            ("Thai", "สวัสดีครับ วันนี้อากาศดี"),
            ("Chinese", "今天天气很好。|我们去公园吧！|你来吗？|“好。”|他走了.|她来了……然后"),
            ("Japanese", "「そうだ。」と言った。|次の日。|行く？！|はい。"),
            ("Korean", "안녕하세요.| 반갑습니다!| 잘 지내요?"),
            ("Vietnamese", "Xin chào.| TP. Hồ Chí Minh đẹp.| Đúng không?"),
            ("Indonesian", "Bpk. Budi datang.| Apa kabar?| Baik!"),
            ("emoji", "Great!😀| Next one!!👍🏽❤️| 😀 ok"),
            ("only marks", "?! ..."),
        ] as [(String, String)])
    func table(name: String, marked: String) {
        let expected = marked.split(separator: "|").map { trim(String($0)) }
        let text = String(marked.unicodeScalars.filter { $0 != "|" }.map(Character.init))
        let found = SentenceSplitter.sentences(in: text)
        #expect(found.map { slice(text, $0) } == expected, "\(name)")
    }

    @Test(arguments: ["", "   ", "\n\n\t\u{3000}\u{2029}"])
    func whiteSpaceHasNoSentence(text: String) {
        #expect(SentenceSplitter.sentences(in: text).isEmpty)
    }

    @Test func rangesAreInScalarsAndBytes() {
        let sentences = SentenceSplitter.sentences(in: "  Cafe\u{301}!  \u{4E2D}\u{3002}\u{1F600} x ")
        #expect(sentences.map(\.scalars) == [2..<8, 10..<13, 14..<15])
        #expect(sentences.map(\.bytes) == [2..<9, 11..<21, 22..<23])
    }

    @Test func everythingButWhiteSpaceIsCoveredOnce() {
        let parts = [
            "a", "B", ".", " ", "\n", "!", "\u{301}", "\u{4E2D}", "\u{3002}", "1", "[", "]", "\"", "—", "»",
            "\u{1F600}", "mr",
        ]
        var state: UInt64 = 7
        for _ in 0..<3_000 {
            var text = ""
            for _ in 0..<20 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text += parts[Int(state >> 33) % parts.count]
            }
            let scalars = Array(text.unicodeScalars)
            var covered = 0
            for sentence in SentenceSplitter.sentences(in: text) {
                #expect(sentence.scalars.lowerBound >= covered && !sentence.scalars.isEmpty)
                #expect(isBlank(scalars[covered..<sentence.scalars.lowerBound]))
                #expect(!scalars[sentence.scalars.lowerBound].properties.isWhitespace)
                #expect(!scalars[sentence.scalars.upperBound - 1].properties.isWhitespace)
                #expect(
                    slice(text, sentence).unicodeScalars.elementsEqual(scalars[sentence.scalars]),
                    "bytes and scalars name the same part")
                covered = sentence.scalars.upperBound
            }
            #expect(isBlank(scalars[covered...]))
        }
    }

    private func isBlank(_ scalars: ArraySlice<Unicode.Scalar>) -> Bool {
        scalars.allSatisfy { $0.properties.isWhitespace }
    }

    private func slice(_ text: String, _ sentence: Sentence) -> String {
        String(decoding: Array(text.utf8)[sentence.bytes], as: UTF8.self)
    }

    private func trim(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        let first = scalars.firstIndex { !$0.properties.isWhitespace } ?? scalars.count
        let last = scalars.lastIndex { !$0.properties.isWhitespace } ?? first - 1
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars[first..<last + 1])
        return String(view)
    }
}
