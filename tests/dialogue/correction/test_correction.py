def test_a_question_about_another_phone_does_not_open_ones_own(resident: Resident) -> None:
    resident.tell("浦口镇保丰村自来水停了两天了，一滴水都没有", "13973312345")
    told = resident.say("不对 是前天早上开始停的 还有水厂电话多少")
    assert "13973312345" in told.text and "前天早上" in told.text


def test_a_date_told_with_the_confirmation_is_a_time_and_no_place(resident: Resident) -> None:
    resident.tell("浦口镇老家门前道路塌陷了一个大洞", "大概上个礼拜三", "不留")
    told = resident.say("提交吧 不过时间是十一月十八号")
    assert "时间：十一月十八号" in told.text and "不过时间是" not in told.text.replace("时间：十一月十八号", "")


def test_a_street_named_like_a_town_is_not_taken_for_the_town(resident: Resident) -> None:
    resident.say("我们小区电梯坏了半个月没人修")
    told = resident.say("左权路那个锦绣花园 不知道算哪个街道")
    assert "左权镇" not in told.text


def test_who_says_submit_at_the_question_for_a_phone_is_read_back_to(resident: Resident) -> None:
    resident.say("白兔潭镇停电一天了 叫供电所来修")
    told = resident.say("算你狠 提交吧")
    assert "请您核对" in told.text and "不全" not in told.text
