"""What columns are called in the exports of shops, by the part they play."""

from __future__ import annotations

import re
import unicodedata

from libs.draft.column import Column


def words(text: str) -> list[str]:
    """The words of a list that is written as one text."""
    return text.split()


# Role -> names without case, blanks and signs, best first. A name may play several parts: its values decide.
_NAMES = {
    "user": """userid customerid custid clientid memberid visitorid reviewerid householdkey householdid
        authorid shopperid buyerid customeruniqueid uid personid playerid steamid accountid msno user
        customer client member visitor reviewer buyer author householdno customerno customernumber
        customercode usercode membercode clientcode 用户id 用户编号 用户 会员id 会员号 会员 顾客id 顾客
        客户id 客户编号 客户 买家id 买家 kundenid kundennr kundennummer kunde idcliente clienteid
        codcliente cliente idclient acheteur utilisateur idutilisateur customeremail email username
        reviewsusername reviewusername profilename nickname 用户名 昵称 visitorsid fullvisitorid
        cookieid deviceid sessionid session usersession""",
    "product": """productid itemid asin stockcode articleid sku productsku lineitemsku variantsku productcode
        itemcode itemno itemnumber articlenumber articleno articlecode productno productnumber movieid
        bookid artistid trackid songid gameid appid businessid recipeid isbn isbn13 upc ean gtin
        productuid variantid goodsid iid animeid showid contentid newsid courseid hotelid restaurantid
        beerid wineid podcastid storyid videoid parentasin materialid 商品id 商品编号 商品编码 产品id
        产品编号 货号 商品 产品 artikelid artikelnr artikelnummer artikelno produktid produktnr artikel
        produkt idproducto productoid codigoproducto codproducto producto idproduit produitid refproduit
        produit reference product item article handle lineitemname game movie book artist track song""",
    "order": """orderid ordernumber orderno invoiceno invoiceid invoicenumber basketid transactionid
        transactionno receiptid receiptno receiptnumber receipt billno billid saleid incrementid
        purchaseid salesorderid orderref voucherno checkoutid invoice order transaction basket
        bestellnummer bestellnr bestellung auftragsnr auftragsnummer rechnungsnr rechnungsnummer belegnr
        bonnr idpedido pedidoid pedido numeropedido idcommande numcommande commande 订单id 订单号
        订单编号 订单 cartid name""",
    "line": """orderitemid lineid linenumber lineno lineitemid orderlineid salesorderlinenumber positionsnr
        addtocartorder""",
    "time": """eventtime eventtimestamp timestamp datetime orderpurchasetimestamp purchasetimestamp orderdate
        ordertime ordertimestamp orderedat purchasedate purchasetime purchasedat invoicedate
        transactiondate transactiontime transactiondt tdat createdat createdtime createddate created
        paidat processedat saledate salesdate unixreviewtime unixtime reviewtime reviewdate reviewsdate
        reviewtimestamp submissiondate submissiontime reviewcreationdate ratedat ratingtimestamp
        posteddate dateadded dateupdated readat startedat visitdate viewedat clickedat playedat time
        date day ts dt datum bestelldatum kaufdatum rechnungsdatum belegdatum zeitstempel zeit fecha
        fechapedido fechacompra data datapedido datecommande dateachat 时间 日期 下单时间 订单时间
        订单日期 购买时间 评论时间 评论日期 创建时间 成交时间 时间戳 posted reviewposted
        shippinglimitdate lastupdated eventdate""",
    "clock": "time transtime ordertime hour purchasetime transactiontime uhrzeit hora heure 时刻 timeofday",
    "quantity": """quantity qty qtyordered orderquantity orderqty unitssold lineitemquantity salesqty itemsordered
        purchasequantity noofitems units pieces menge anzahl stueck stuck stück cantidad quantite
        quantité qte quantidade 数量 购买数量 件数 amount count num""",
    "price": """unitprice priceperunit itemprice lineitemprice price saleprice salesprice sellingprice
        discountedprice regularprice variantprice retailprice listprice actualprice finalprice
        currentprice originalprice einzelpreis stueckpreis stückpreis preis preisproeinheit
        verkaufspreis preciounitario precio prixunitaire prix precounitario preco preço 单价 价格 售价
        成交价 amountpaid""",
    "total": """linetotal totalprice salesvalue salesamount lineamount extendedprice totalamount grossamount
        netamount amount subtotal revenue sales total spend turnover summe gesamtpreis betrag umsatz
        importe montant valor 金额 总价 销售额 总金额 成交金额""",
    "cost": "unitcost costprice purchaseprice cost asset einkaufspreis ekpreis coste cout 成本 进价",
    "rating": """rating overall stars starrating reviewscore reviewrating reviewsrating userrating bookrating
        ratingscore score star ratings grade bewertung sterne puntuacion valoracion note nota 评分 星级
        打分 isrecommended recommended recommend doyourecommend sentiment label""",
    "body": """reviewtext reviewbody reviewcontent reviewstext reviewcommentmessage review text body comment
        comments content reviewdescription opinion 评论 评价 评论内容 评价内容 内容 kommentar
        bewertungstext comentario commentaire""",
    "headline": "summary reviewtitle reviewsummary reviewheadline reviewstitle headline reviewcommenttitle title 标题",
    "event": """event eventtype eventname action actiontype behavior behaviortype behaviour behaviourtype
        interaction interactiontype activity activitytype operation 行为 行为类型 类型 type""",
    "value": """weight playcount plays listens listeningcount playtime playtimeforever hoursplayed hours
        duration dwelltime watchratio watchtime minutes times count value clicks views scrobbles 次数
        时长""",
    "title": """productname producttitle itemname itemtitle title name prodname booktitle movietitle
        originaltitle gamename appname artistname trackname songname businessname lineitemname
        stockdescription itemdescription productdescription description artikelbezeichnung artikelname
        bezeichnung produktname titel nombreproducto nombre descripcion nomproduit designation libelle
        nome 商品名称 商品名 产品名称 名称 标题 书名 textualid text item product game movie book artist
        track song""",
    "description": """description productdescription detaildesc longdescription bodyhtml body details about
        beschreibung langtext descripcion 描述 详情 商品描述 synopsis overview plot shortdescription
        summary features""",
    "brand": """brand brandname manufacturer vendor maker marke hersteller marca marque fabricant 品牌 store
        publisher developer author authors bookauthor artist artistname""",
    "category": """category categories categoryname productcategory productcategoryname categorycode categorypath
        producttype producttypename department departmentname maincategory subcategory genres genre
        class subclass productsubclass aisle section collection productgroupname commoditydesc
        subcommoditydesc itemcategory type kategorie kategorien warengruppe produktgruppe categoria
        categorie catégorie rayon familia 类别 分类 品类 类目 商品分类 cat tags breadcrumb categoryid
        attributes""",
    "image": """imageurl imurl image img imagesrc imagelink images pictureurl picture thumbnail photo photourl
        mainimage imageurll imageurlm cover coverurl bild bildurl imagen 图片""",
    "language": "language lang locale languagecode sprache idioma langue 语言",
    "country": "country countrycode billingcountry shippingcountry land pais pays 国家",
    "friend": """trusteduserid friendid friend friendsid followeeid followee trusteeid trustee targetuserid targetuser
        touserid userid2 user2 friend2 followedid followed target destination toid 好友 好友id""",
    "stock": """stock inventory stockquantity stocklevel onhand quantityonhand availablequantity inventoryqty
        variantinventoryqty instock bestand lagerbestand existencias 库存 quantity qty""",
    "query": """query searchterm searchquery keyword keywords search searchterms searchstring suchbegriff 搜索词
        搜索 关键词""",
    "intent": "intent label category",
    "ticket": "ticketid ticketno caseid conversationid requestid 工单号",
    "question": "question utterance body text message description request 问题",
    "fraud": "isfraud fraud class label fraudlabel",
    "year": "year yr jahr año ano annee 年",
    "month": "month mon monat mes mois 月",
    "dayofmonth": "day dayofmonth tag dia jour 日",
    "hour": "hour hr hourofday stunde hora heure",
    "id": "id",
}
# What tells of a person: for the fairness figures only, and for the operator to choose.
SENSITIVE = frozenset(
    words("""age agegroup agedesc agerange gender sex birthday birthdate dob dateofbirth yearofbirth
        birthyear income incomedesc maritalstatus maritalstatuscode ethnicity race religion zip zipcode
        postalcode postcode pincode city region state country location occupation education nationality
        householdsizedesc kidcategorydesc homeownerdesc geschlecht alter plz edad sexo genero âge sexe
        性别 年龄 城市 省份 地区 职业 customerzipcodeprefix customercity customerstate province
        billingzip shippingzip billingcity shippingcity billingprovince clubmemberstatus""")
)
_NAMED = {role: {name: place for place, name in enumerate(names.split())} for role, names in _NAMES.items()}
_EXACT = {name for names in _NAMED.values() for name in names}
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
_MATCHED_BY_PART = frozenset(words("user product order time quantity price rating title category total friend"))
_VAGUE = frozenset(words("name count num text item note type"))  # too little to go by as a part of a name


def squashed(name: str) -> str:
    """A name without case, blanks and signs: "Line item_SKU" is lineitemsku."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in folded if c.isalnum())


def candidates(columns: list[Column], role: str) -> list[Column]:
    """The columns whose names fit a role, best first."""
    ranked = [(place, n, column) for n, column in enumerate(columns) if (place := _place(column, role)) is not None]
    return [column for _, _, column in sorted(ranked, key=lambda entry: entry[:2])]


def _place(column: Column, role: str) -> int | None:
    """How well a name fits: 0 is best. A name that is nobody's may fit by its last words, then by its first."""
    names, last = _NAMED[role], column.path[-1]
    whole = squashed(column.name)
    for name in (whole, squashed(last)):
        if name in names:
            return names[name]
    if whole in _EXACT or role not in _MATCHED_BY_PART:
        return None
    words = [word.casefold() for word in _WORDS.findall(unicodedata.normalize("NFKC", last))]
    for base, parts in (
        (1000, ["".join(words[n:]) for n in range(1, len(words))]),
        (2000, ["".join(words[:n]) for n in range(len(words) - 1, 0, -1)]),
    ):
        for part in parts:
            if part in names and len(part) > 2 and part not in _VAGUE:
                return base + names[part]
    return None


def named(column: Column, role: str) -> bool:
    """Whether a column's whole name is one of a role's."""
    return squashed(column.path[-1]) in _NAMED[role]
