/// What decides where sentences end, by script and language.
enum SentenceTables {
    /// Marks that end a sentence wherever they stand: scripts that need no blank behind them, or have no other use
    /// for the mark. Sorted.
    static let plainTerminators: [UInt32] = [
        0x037E, 0x0589, 0x061D, 0x061E, 0x061F, 0x06D4, 0x0700, 0x0701, 0x0702, 0x07F9, 0x0837, 0x0839, 0x083D, 0x083E,
        0x0964, 0x0965, 0x104B, 0x1362, 0x1367, 0x1368, 0x166E, 0x1735, 0x1736, 0x17D4, 0x17D5, 0x1803, 0x1809, 0x1944,
        0x1945, 0x1AA8, 0x1AA9, 0x1AAA, 0x1AAB, 0x1B5A, 0x1B5B, 0x1B5E, 0x1B5F, 0x1C3B, 0x1C3C, 0x1C7E, 0x1C7F, 0x2CF9,
        0x2CFA, 0x2CFB, 0x2CFE, 0x3002, 0xA4FF, 0xA60E, 0xA60F, 0xA6F3, 0xA6F7, 0xA876, 0xA877, 0xA8CE, 0xA8CF, 0xA92F,
        0xA9C8, 0xA9C9, 0xAA5D, 0xAA5E, 0xAA5F, 0xAAF0, 0xAAF1, 0xABEB, 0xFE12, 0xFE15, 0xFE16, 0xFF01, 0xFF1F, 0xFF61,
        0x0F0D, 0x0F0E,
    ].sorted()

    /// Exclamation and question marks that need a blank, an ideograph or the end behind them. Sorted.
    static let marks: [UInt32] = [0x21, 0x3F, 0x203C, 0x203D, 0x2047, 0x2048, 0x2049, 0x2E2E, 0xFE56, 0xFE57]

    /// Full stops that may also shorten a word, point a number or a name.
    static let stops: [UInt32] = [0x2E, 0xFE52, 0xFF0E]

    /// Ellipses.
    static let ellipses: [UInt32] = [0x2026, 0x22EF, 0xFE19]

    /// What closes a quotation or a bracket and belongs to the sentence before it. Sorted.
    static let closers: [UInt32] = [
        0x22, 0x27, 0x29, 0x2A, 0x5D, 0x5F, 0x7D, 0xAB, 0xBB, 0x0F3B, 0x0F3D, 0x169C, 0x2018, 0x2019, 0x201C, 0x201D,
        0x2039, 0x203A, 0x2046, 0x232A, 0x3009, 0x300B, 0x300D, 0x300F, 0x3011, 0x3015, 0x3017, 0x3019, 0x301B, 0x301E,
        0x301F, 0xFD3E, 0xFF02, 0xFF07, 0xFF09, 0xFF3D, 0xFF5D, 0xFF60, 0xFF63,
    ]

    /// Dashes that begin direct speech, or what the narrator says of it.
    static let dashes: [UInt32] = [0x2D, 0x2012, 0x2013, 0x2014, 0x2015]

    /// Never end a sentence: a name, a number or the rest of the sentence follows. Lower case, without the last stop.
    static let neverLast: Set<String> = words(
        """
        mr mrs ms mx dr prof rev fr st mt gen sen rep gov capt cpt lt col sgt cmdr adm pres supt messrs
        vs viz cf approx e.g i.e eg ie esp incl
        hr hrn fr frl dipl ing bzw ggf evtl sog vgl einschl zzgl inkl exkl z.b d.h u.a o.ä i.d.r s.o s.u str
        m mme mmes mlle mgr env p.ex c.-à-d
        sr sra srta dña d.ª pág págs núm aprox p.ej excmo ilmo
        dott sig sigg sig.ra avv arch egr spett
        dhr mevr mw drs bijv d.w.z o.a m.b.t t.a.v a.u.b
        np tzn tzw wg ul prof hab inż mgr
        např tzv tj resp mudr judr paeddr phdr rndr čs
        pl dipl özv
        dl dna d-l d-na dv
        bl.a t.ex f.eks d.v.s osv kr
        örn bkz av doç yrd
        esim ns
        г-н г-жа проф акад ул пл им тов гр т.е т.к т.н т см напр св стр руб коп
        вул просп див напр ім
        бул
        κ κα π.χ δηλ αρ
        bpk sdr tgl jl hlm
        tp ths gs pgs ts
        डॉ प्रो श्री
        """)

    /// May end a sentence, and then a capital follows.
    static let maybeLast: Set<String> = words(
        """
        etc inc ltd co corp bros jr dept est al a.m p.m u.s u.k u.n e.u d.c ph.d m.d b.c a.d
        usw usf gmbh ag etc u.s.w
        cía s.a s.l ee.uu
        srl spa s.p.a ecc
        enz e.d
        itd itp m.in r
        atd apod
        stb kb
        vb vs vd ltd şti
        г гг в вв т.д т.п др пр млн тыс млрд р
        р рр тис
        κ.λπ κ.ά
        dll dsb dst
        """)

    /// Shorten a word only before a number.
    static let beforeNumber: Set<String> = words(
        """
        ca no nos nr nrn p pp pg fig figs vol vols art arts sec sect ch chap eq tab par para pt ed cap lib op
        abs abb kap bd s z n núm nº č čl § str стор рис табл гл ст п № стр
        jan feb mar apr jun jul aug sep sept oct okt nov dec dez
        """)

    /// Words that begin sentences and hardly ever names: behind `U.S.` or an initial they mean that it was the end.
    static let beginners: Set<String> = words(
        """
        the a an he she it they we you i this that these those there then here in on at as if when while but and or so
        however his her its their our my what who why how where for from with after before since although because
        der die das ein eine er sie es wir ich dies im am aber und
        le la les un une il elle ils elles nous vous ce cette mais et dans
        el los las una él ella ellos pero y en este esta
        он она оно они мы вы я это в на но и
        """)

    /// What follows an ordinal that is written as a number with a stop.
    static let afterOrdinal: Set<String> = words(
        """
        januar jänner februar märz april mai juni juli august september oktober november dezember
        jahrhundert jahrhunderts jahrhunderte weltkrieg weltkriegs weltkrieges bundesliga liga klasse platz auflage
        stock tag jahr mal runde spieltag
        january february march may june july october december
        """)

    private static func words(_ table: StaticString) -> Set<String> {
        Set(table.description.split { $0 == " " || $0 == "\n" }.map(String.init))
    }
}
